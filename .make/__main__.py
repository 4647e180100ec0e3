"""Set-up behind the Makefile: `python3 .make GOAL`. Standard library only: nothing is installed yet."""

# No syntax younger than Python 3.6 in this file: an old interpreter must get as far as the message.
import sys

USAGE = 2

if not (3, 11) <= sys.version_info[:2] <= (3, 12):
    sys.stderr.write(
        "callisto: Python 3.11 or 3.12 is needed, and {} is {}.{}; ".format(
            sys.executable, *sys.version_info[:2]
        )
        + "name another one: make PYTHON=python3.11 ...\n"
    )
    sys.exit(USAGE)

if __name__ == "__main__":
    import goals

    sys.exit(goals.main(sys.argv[1:]))
