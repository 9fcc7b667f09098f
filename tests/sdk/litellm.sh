#!/usr/bin/env bash
# LiteLLM's proxy in front of the scripted upstream: installs it into a folder of its own, below the build's, and runs
# tests/llm/litellm.rs. Needs Python 3.9 or newer with venv, and PyPI the first time (about 400 MB).
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=$(realpath -m "${CARGO_TARGET_DIR:-target}")/litellm
if ! [ -x "$venv/bin/litellm" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check 'litellm[proxy]==1.83.14'
fi
LITELLM=$venv/bin/litellm cargo test --locked --test it -- --ignored llm::litellm --nocapture
