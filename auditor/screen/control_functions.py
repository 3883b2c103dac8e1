"""What each control function does to a screen: C0 controls, ESC and CSI sequences, DEC private modes.

Names are those of ECMA-48 and of DEC's manuals. A CSI function is given its parameters as text, digits and
semicolons only; a missing one has its default and 0 counts as 1 where a count is meant.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.screen.screen import Screen


def _number(parameters: str, index: int, default: int) -> int:
    values = parameters.split(";")
    return int(values[index]) if index < len(values) and values[index] else default


def _count(parameters: str, index: int = 0) -> int:
    return _number(parameters, index, 1) or 1


def _backspace(screen: "Screen") -> None:
    if screen.x:
        screen.x -= 1
    elif screen.y and screen.rows[screen.y - 1].endswith("\n"):
        screen.y -= 1
        screen.x = screen.columns - 1


def _tab(screen: "Screen") -> None:
    if screen.x < screen.columns - 1:
        screen.x = min((stop for stop in screen.tabs if stop > screen.x), default=screen.columns - 1)


def _line_feed(screen: "Screen") -> None:
    screen.line_feed()


def _carriage_return(screen: "Screen") -> None:
    screen.x = 0


def _shift_out(screen: "Screen") -> None:
    screen.shifted = 1
    screen.update_plain()


def _shift_in(screen: "Screen") -> None:
    screen.shifted = 0
    screen.update_plain()


def _next_line(screen: "Screen") -> None:
    screen.x = 0
    screen.line_feed()


def _set_tab(screen: "Screen") -> None:
    if screen.x < screen.columns:
        screen.tabs.add(screen.x)


def _reverse_index(screen: "Screen") -> None:
    if screen.y == screen.top:
        screen.insert_rows(screen.top, screen.bottom, 1)
    elif screen.y:
        screen.y -= 1


def _designate(index: int, graphics: bool) -> Callable[["Screen"], None]:
    def designate(screen: "Screen") -> None:
        screen.graphics[index] = graphics
        screen.update_plain()

    return designate


def _save_cursor(screen: "Screen", _parameters: str = "") -> None:
    graphics = (screen.graphics[0], screen.graphics[1])
    screen.saved_cursor = (screen.x, screen.y, screen.origin, graphics, screen.shifted)


def _restore_cursor(screen: "Screen", _parameters: str = "") -> None:
    x, y, screen.origin, graphics, screen.shifted = screen.saved_cursor
    screen.graphics = list(graphics)
    screen.x = min(x, screen.columns - 1)
    screen.y = min(y, screen.height - 1)
    screen.update_plain()


def _alignment_test(screen: "Screen") -> None:
    screen.rows[:] = ["E" * screen.columns] * screen.height
    screen.top, screen.bottom = 0, screen.height - 1
    screen.x = screen.y = 0


def _reset(screen: "Screen") -> None:
    """RIS. The alternate screen stays, as in tmux: its main screen comes back when the program leaves it."""
    screen.reset_modes()
    screen.reset_tabs()
    screen.top, screen.bottom = 0, screen.height - 1
    screen.erase_rows(0, screen.height - 1)
    screen.x = screen.y = 0


def _insert_characters(screen: "Screen", parameters: str) -> None:
    room = screen.columns - screen.x
    if room > 0:
        screen.insert_cells(screen.x, screen.y, " " * min(_count(parameters), room))


def _cursor_up(screen: "Screen", parameters: str) -> None:
    limit = screen.top if screen.y >= screen.top else 0
    screen.y = max(screen.y - _count(parameters), limit)
    screen.x = min(screen.x, screen.columns - 1)


def _cursor_down(screen: "Screen", parameters: str) -> None:
    limit = screen.bottom if screen.y <= screen.bottom else screen.height - 1
    screen.y = min(screen.y + _count(parameters), limit)
    screen.x = min(screen.x, screen.columns - 1)


def _cursor_forward(screen: "Screen", parameters: str) -> None:
    screen.x = min(screen.x + _count(parameters), screen.columns - 1)


def _cursor_back(screen: "Screen", parameters: str) -> None:
    screen.x = max(screen.x - _count(parameters), 0)


def _cursor_next_line(screen: "Screen", parameters: str) -> None:
    screen.x = 0
    _cursor_down(screen, parameters)


def _cursor_preceding_line(screen: "Screen", parameters: str) -> None:
    screen.x = 0
    _cursor_up(screen, parameters)


def _column(screen: "Screen", parameters: str) -> None:
    screen.x = min(_count(parameters), screen.columns) - 1


def _line(screen: "Screen", parameters: str) -> None:
    y = _count(parameters) - 1
    if screen.origin:
        y = min(y + screen.top, screen.bottom)
    screen.y = min(y, screen.height - 1)


def _cursor_position(screen: "Screen", parameters: str) -> None:
    row, _, column = parameters.partition(";")
    _line(screen, row)
    _column(screen, column)


def _back_tab(screen: "Screen", parameters: str) -> None:
    x = min(screen.x, screen.columns - 1)
    stops = sorted(stop for stop in screen.tabs if stop < x)
    screen.x = ([0] * _count(parameters) + stops)[-_count(parameters)] if stops else 0


def _forward_tab(screen: "Screen", parameters: str) -> None:
    for _ in range(min(_count(parameters), screen.columns)):
        _tab(screen)


def _erase_in_display(screen: "Screen", parameters: str) -> None:
    part = _number(parameters, 0, 0)
    if part == 0:
        _erase_in_line(screen, "")
        screen.erase_rows(screen.y + 1, screen.height - 1)
    elif part == 1:
        screen.erase_rows(0, screen.y - 1)
        _erase_in_line(screen, "1")
    elif part == 2:
        screen.erase_rows(0, screen.height - 1)


def _erase_in_line(screen: "Screen", parameters: str) -> None:
    part = _number(parameters, 0, 0)
    if part == 2 or (part == 1 and screen.x >= screen.columns - 1) or (part == 0 and screen.x == 0):
        screen.erase_rows(screen.y, screen.y)
    elif part == 1:
        screen.erase_cells(0, screen.y, screen.x + 1)
    elif part == 0 and screen.x < screen.columns:
        screen.erase_rest(screen.x, screen.y)


def _insert_lines(screen: "Screen", parameters: str) -> None:
    screen.insert_rows(screen.y, _last_row(screen), _count(parameters))


def _delete_lines(screen: "Screen", parameters: str) -> None:
    screen.delete_rows(screen.y, _last_row(screen), _count(parameters))


def _last_row(screen: "Screen") -> int:
    """Of what moves with the cursor's row: the scroll region, or outside of it the screen."""
    return screen.bottom if screen.top <= screen.y <= screen.bottom else screen.height - 1


def _delete_characters(screen: "Screen", parameters: str) -> None:
    if screen.x < screen.columns:
        screen.delete_cells(screen.x, screen.y, _count(parameters))


def _erase_characters(screen: "Screen", parameters: str) -> None:
    if screen.x < screen.columns:
        screen.erase_cells(screen.x, screen.y, _count(parameters))


def _scroll_up(screen: "Screen", parameters: str) -> None:
    screen.scroll_up(_count(parameters))


def _scroll_down(screen: "Screen", parameters: str) -> None:
    screen.insert_rows(screen.top, screen.bottom, _count(parameters))


def _repeat(screen: "Screen", parameters: str) -> None:
    screen.repeat(_count(parameters))


def _clear_tab(screen: "Screen", parameters: str) -> None:
    part = _number(parameters, 0, 0)
    if part == 0:
        screen.tabs.discard(screen.x)
    elif part == 3:
        screen.tabs.clear()


def _set_mode(screen: "Screen", parameters: str) -> None:
    _mode(screen, parameters, True)


def _reset_mode(screen: "Screen", parameters: str) -> None:
    _mode(screen, parameters, False)


def _mode(screen: "Screen", parameters: str, on: bool) -> None:
    if "4" in parameters.split(";"):
        screen.insert = on
        screen.update_plain()


def _scroll_region(screen: "Screen", parameters: str) -> None:
    top = min(_count(parameters), screen.height) - 1
    bottom = min(_number(parameters, 1, screen.height) or 1, screen.height) - 1
    if top < bottom:
        screen.top, screen.bottom = top, bottom
        screen.x = screen.y = 0


def _window_operation(screen: "Screen", parameters: str) -> None:
    operation, what = _number(parameters, 0, 0), _number(parameters, 1, 0)
    if what not in (0, 2):
        return
    if operation == 22:
        screen.push_title()
    elif operation == 23:
        screen.pop_title()


def private_mode(screen: "Screen", parameter: str, on: bool) -> None:
    """DECSET and DECRST of one mode."""
    if parameter == "25":
        return
    if parameter in ("47", "1047", "1049"):
        screen.show_alternate(on, with_cursor=parameter == "1049")
    elif parameter == "2004":
        if screen.mark is not None:
            screen.mark("edit-begin" if on else "edit-end")
    elif parameter == "7":
        screen.autowrap = on
        screen.update_plain()
    elif parameter == "6":
        screen.origin = on
        _cursor_position(screen, "")
    elif parameter == "3":
        _cursor_position(screen, "")
        screen.erase_rows(0, screen.height - 1)


CONTROL: dict[str, Callable[["Screen"], None]] = {
    "\b": _backspace,
    "\t": _tab,
    "\n": _line_feed,
    "\v": _line_feed,
    "\f": _line_feed,
    "\r": _carriage_return,
    "\x0e": _shift_out,
    "\x0f": _shift_in,
}

ESC: dict[str, Callable[["Screen"], None]] = {
    "(0": _designate(0, True),
    ")0": _designate(1, True),
    "7": _save_cursor,
    "8": _restore_cursor,
    "#8": _alignment_test,
    "D": _line_feed,
    "E": _next_line,
    "H": _set_tab,
    "M": _reverse_index,
    "c": _reset,
}
# Every other set has its letters where ASCII has them: national sets must not leave graphics on.
for _final in "ABCEHKQRYZ124567<=>":
    ESC["(" + _final] = _designate(0, False)
    ESC[")" + _final] = _designate(1, False)

CSI: dict[str, Callable[["Screen", str], None]] = {
    "@": _insert_characters,
    "A": _cursor_up,
    "B": _cursor_down,
    "C": _cursor_forward,
    "D": _cursor_back,
    "E": _cursor_next_line,
    "F": _cursor_preceding_line,
    "G": _column,
    "H": _cursor_position,
    "I": _forward_tab,
    "J": _erase_in_display,
    "K": _erase_in_line,
    "L": _insert_lines,
    "M": _delete_lines,
    "P": _delete_characters,
    "S": _scroll_up,
    "T": _scroll_down,
    "X": _erase_characters,
    "Z": _back_tab,
    "`": _column,
    "a": _cursor_forward,
    "b": _repeat,
    "d": _line,
    "e": _cursor_down,
    "f": _cursor_position,
    "g": _clear_tab,
    "h": _set_mode,
    "l": _reset_mode,
    "r": _scroll_region,
    "s": _save_cursor,
    "t": _window_operation,
    "u": _restore_cursor,
}
