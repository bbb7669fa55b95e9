#!/bin/bash -eu
exec "$SRC/hardload/fuzz/packages"
