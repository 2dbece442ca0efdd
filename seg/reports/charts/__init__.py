"""Charts as inline SVG, a file a chart: colours by CSS roles, texts at their own size beside."""
