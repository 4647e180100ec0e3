"""The recipe of the large PJSUA2: from Debian's signed sources to a wheel. Standard library only.

`python3 -m router.pjsua.build` runs before there is an environment to install anything into.
"""
