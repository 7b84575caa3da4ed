"""Symbols that lessons add to the common ones, one module per lesson."""

from diffkit.equations.symbols import (
    lesson_00,
    lesson_01,
    lesson_03,
    lesson_04,
    lesson_05,
    lesson_06,
    lesson_07,
    lesson_08,
    lesson_09,
    lesson_10,
    lesson_11,
    lesson_12,
    lesson_13,
)

OWN: dict[str, dict[str, tuple[str, str]]] = {
    "0": lesson_00.SYMBOLS,
    "1": lesson_01.SYMBOLS,
    "3": lesson_03.SYMBOLS,
    "4": lesson_04.SYMBOLS,
    "5": lesson_05.SYMBOLS,
    "6": lesson_06.SYMBOLS,
    "7": lesson_07.SYMBOLS,
    "8": lesson_08.SYMBOLS,
    "9": lesson_09.SYMBOLS,
    "10": lesson_10.SYMBOLS,
    "11": lesson_11.SYMBOLS,
    "12": lesson_12.SYMBOLS,
    "13": lesson_13.SYMBOLS,
}
