//! Vendors of models: what they are called, and what is known of them without asking.

/// The default model for Anthropic: every new account may use it.
pub const ANTHROPIC_MODEL: &str = "claude-sonnet-5-5";
