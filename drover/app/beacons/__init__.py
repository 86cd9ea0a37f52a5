"""Jobs that workers outside, called beacons, take, do and end."""
