"""A strict stand-in for the Slicer application: real MRML and Qt, and only as much of the rest as the module uses."""
