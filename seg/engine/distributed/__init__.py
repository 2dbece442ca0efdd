"""Several processes that train one network: one a device, on one machine or several."""
