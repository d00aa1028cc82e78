#!/usr/bin/env bash
# Make a new folder with the files that Heroku needs and a commit to push.
#
# Heroku installs requirements.txt. Ours holds TensorFlow, which would exceed its limit of 500 MB, so
# the folder gets the serving requirements under that name.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

[[ $# -eq 1 ]] || {
    echo "Usage: deploy/heroku/make.sh FOLDER   (a new one)" >&2
    exit 2
}
[[ ! -e $1 ]] || {
    echo "make.sh: $1 exists already; name a new folder, or delete it first" >&2
    exit 2
}
mkdir -p "$1/bin"
cp -R app.py LICENSE .streamlit haarcascades model fer "$1"
rm -rf "$1"/fer/training "$1"/fer/bench "$1"/model/*.keras "$1"/.streamlit/secrets.toml
find "$1" -name __pycache__ -prune -exec rm -rf {} +
cp deploy/image/start.py deploy/heroku/Procfile "$1"
cp deploy/heroku/post_compile requirements-detector.txt "$1/bin"
cp requirements-serve.txt "$1/requirements.txt"
echo 3.11 >"$1/.python-version"
cd "$1"
git init -q -b main
git add -A
git -c user.name=deploy -c user.email=deploy@localhost -c commit.gpgsign=false commit -q -m "Class expressions"
echo "$1 is ready to be pushed"
