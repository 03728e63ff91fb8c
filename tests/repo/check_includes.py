"""Compares every #include with the table of rooms: no arrow points back."""

import sys

from rooms import LIBRARIES, MAY_KNOW, includes, room_of, sources


def complaint(room, name, quoted):
    """Why a file of `room` may not include `name`, or None."""
    for starts, allowed in LIBRARIES.items():
        if name.startswith(starts):
            return None if room in allowed else f"{name} is for {', '.join(allowed)} only"
    if not quoted:
        return None
    other = room_of(name)
    if other is None:
        return None if "/" not in name else f'"{name}" is in no room'
    known = MAY_KNOW[room]
    if other in (room, "support") or other in known or "*" in known:
        return None
    return f'"{name}": {room} may know {", ".join(["support", *known])}, not {other}'


def main():
    findings = []
    for path in sources():
        room = room_of(path)
        if room is None:
            findings.append(f"{path}: in no room; add its folder to tests/repo/rooms.py")
            continue
        for number, quote, name in includes(path):
            why = complaint(room, name, quote == '"')
            if why:
                findings.append(f"{path}:{number}: {why}")
    print("\n".join(findings) or "every include follows the table of rooms")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
