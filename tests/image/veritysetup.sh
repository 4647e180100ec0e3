#!/bin/sh
# In a container without device mapper: `open FILE NAME ...` and `close NAME`, by loop devices.
set -eu
mkdir -p /dev/mapper
case $1 in
open)
    for loop in /dev/loop-0 /dev/loop-1; do
        losetup "$loop" > /dev/null 2>&1 || break
    done
    losetup --read-only "$loop" "$2"
    ln -s "$loop" "/dev/mapper/$3"
    ;;
close)
    losetup --detach "$(readlink "/dev/mapper/$2")"
    rm "/dev/mapper/$2"
    ;;
esac
