"""The commands of `textomorph`, one file a command; slow imports wait until a command runs."""
