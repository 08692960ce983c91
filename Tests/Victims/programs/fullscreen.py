"""A full-screen program: draws once, and again only when curses says that the size has changed."""

import curses


def main(screen):
    drawn = 0
    while True:
        rows, columns = screen.getmaxyx()
        drawn += 1
        screen.erase()
        screen.addstr(0, 0, f"drawn {drawn} on {rows}x{columns}")
        screen.refresh()
        while (key := screen.getch()) != curses.KEY_RESIZE:
            if key == ord("q"):
                return


curses.wrapper(main)
