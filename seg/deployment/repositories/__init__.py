"""Model repositories: directories that model servers read, with exports that passed the gate."""
