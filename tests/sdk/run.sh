#!/usr/bin/env bash
# The scripted upstream judged by the official clients: installs them into a folder of its own, below the build's, and runs
# tests/llm/sdks.rs. Needs Python 3.9 or newer with venv, and PyPI the first time.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=$(realpath -m "${CARGO_TARGET_DIR:-target}")/sdks
if ! "$venv/bin/python" -c 'import anthropic, ollama, openai' 2>/dev/null; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check 'anthropic==2.14.0' 'openai==3.57.0' 'ollama==0.6.3'
fi
SDK_PYTHON=$venv/bin/python cargo test --locked --test it -- --ignored llm::sdks
