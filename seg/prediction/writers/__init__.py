"""The output formats, a file each: its name is the one in `formats=[...]`, its class `FORMAT`."""
