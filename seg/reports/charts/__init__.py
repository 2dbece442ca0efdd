"""Charts as inline SVG, a file a chart: colors by CSS roles, texts at their own size beside."""
