"""The broker: devices on one side, the bus port on the other."""
