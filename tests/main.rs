//! Everything that is tested through the public face of the library, in one binary.

mod llm;
mod support;
