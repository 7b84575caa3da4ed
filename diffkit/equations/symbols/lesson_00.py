"""Symbols of lesson 00, start here."""

SYMBOLS: dict[str, tuple[str, str]] = {
    "start_pixel": ("x", "a pixel as stored in the file, a whole number from 0 (paper) to 16 (ink)"),
    "start_gray": ("y", "the same pixel in the range that the course uses, from -1 to 1"),
    "start_a": ("a_b", "one number for example b of a batch"),
    "start_x": (r"\mathbf{x}_b", "example b of a batch of B: all its numbers"),
    "start_y": (r"\mathbf{y}_b, y_{b,j}", "what is made of example b, or of its number j"),
    "start_d": (r"x_{b,j}", "number j of example b"),
    "start_m": ("m_b, v_b", "mean and variance of the numbers of example b"),
    "start_E": ("E", "mean squared error"),
    "start_p": ("p_n, z_n", "a prediction and the target that belongs to it"),
    "start_N": ("N", "how many pairs there are"),
}
