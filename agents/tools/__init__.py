"""What agents offer their models: tools with checked arguments, composed of the device's twenty verbs."""
