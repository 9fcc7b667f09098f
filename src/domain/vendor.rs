//! Vendors of models: what they are called, how they are spoken to, and where. Which models they have, they say
//! themselves.

/// How a provider is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Anthropic's Messages API.
    Anthropic,
    /// OpenAI's chat completions, which most servers speak.
    OpenAi,
    /// OpenAI's Responses.
    Responses,
    /// Ollama's own API.
    Ollama,
    /// Built in: needs neither key nor network.
    Demo,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAi => "openai",
            Self::Responses => "responses",
            Self::Ollama => "ollama",
            Self::Demo => "demo",
        }
    }
}

/// What `LLM_PROVIDER` may name.
#[derive(Debug, PartialEq, Eq)]
pub struct Vendor {
    pub name: &'static str,
    pub kind: Kind,
    /// The base URL; empty: that of the kind.
    pub url: &'static str,
    /// Where a key is made; empty: none is needed.
    pub key_page: &'static str,
    /// Empty: the first that the provider lists.
    pub default_model: &'static str,
}

const fn vendor(name: &'static str, kind: Kind, url: &'static str, key_page: &'static str) -> Vendor {
    Vendor { name, kind, url, key_page, default_model: "" }
}

#[rustfmt::skip] // a table
pub static VENDORS: &[Vendor] = &[
    Vendor { default_model: "claude-sonnet-5-5", ..vendor("anthropic", Kind::Anthropic, "", "https://platform.claude.com/settings/keys") },
    vendor("openai", Kind::OpenAi, "", "https://platform.openai.com/api-keys"),
    vendor("responses", Kind::Responses, "", "https://platform.openai.com/api-keys"),
    vendor("ollama", Kind::Ollama, "", ""),
    Vendor { default_model: "portagent-demo", ..vendor("demo", Kind::Demo, "", "") },
    vendor("deepseek", Kind::OpenAi, "https://api.deepseek.com/v1", "https://platform.deepseek.com/api_keys"),
    vendor("qwen", Kind::OpenAi, "https://dashscope.aliyuncs.com/compatible-mode/v1", "https://bailian.console.aliyun.com/?tab=model#/api-key"),
    vendor("kimi", Kind::OpenAi, "https://api.moonshot.cn/v1", "https://platform.moonshot.cn/console/api-keys"),
    vendor("glm", Kind::OpenAi, "https://open.bigmodel.cn/api/paas/v4", "https://open.bigmodel.cn/usercenter/apikeys"),
    vendor("minimax", Kind::OpenAi, "https://api.minimaxi.com/v1", "https://platform.minimaxi.com/user-center/basic-information/interface-key"),
    vendor("siliconflow", Kind::OpenAi, "https://api.siliconflow.cn/v1", "https://cloud.siliconflow.cn/account/ak"),
    vendor("volcengine", Kind::OpenAi, "https://ark.cn-beijing.volces.com/api/v3", "https://console.volcengine.com/ark/region:ark+cn-beijing/apiKey"),
    vendor("openrouter", Kind::OpenAi, "https://openrouter.ai/api/v1", "https://openrouter.ai/settings/keys"),
    vendor("gemini", Kind::OpenAi, "https://generativelanguage.googleapis.com/v1beta/openai", "https://aistudio.google.com/apikey"),
    vendor("groq", Kind::OpenAi, "https://api.groq.com/openai/v1", "https://console.groq.com/keys"),
    vendor("mistral", Kind::OpenAi, "https://api.mistral.ai/v1", "https://console.mistral.ai/api-keys"),
    vendor("llamacpp", Kind::OpenAi, "http://127.0.0.1:8080/v1", ""),
    vendor("lmstudio", Kind::OpenAi, "http://127.0.0.1:1234/v1", ""),
    vendor("vllm", Kind::OpenAi, "http://127.0.0.1:8000/v1", ""),
    vendor("litellm", Kind::OpenAi, "http://127.0.0.1:4000/v1", ""),
];

/// Other names that people use.
const ALIASES: &[(&str, &str)] = &[
    ("claude", "anthropic"),
    ("dashscope", "qwen"),
    ("moonshot", "kimi"),
    ("zhipu", "glm"),
    ("bigmodel", "glm"),
    ("doubao", "volcengine"),
    ("google", "gemini"),
    ("llama.cpp", "llamacpp"),
    ("lm-studio", "lmstudio"),
];

/// The vendor of this name, in any case.
pub fn named(name: &str) -> Option<&'static Vendor> {
    let name = name.to_ascii_lowercase();
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name.as_str(), |(_, own)| own);
    VENDORS.iter().find(|vendor| vendor.name == name)
}

/// The kind of this name.
pub fn kind_named(name: &str) -> Option<Kind> {
    VENDORS.iter().map(|vendor| vendor.kind).find(|kind| kind.as_str() == name)
}

/// Whether a server needs a key: those of vendors do, a server of one's own may need none.
pub fn needs_key(kind: Kind, url: &str) -> bool {
    let is_vendors = |vendor: &&Vendor| vendor.kind == kind && vendor.url == url;
    kind == Kind::Anthropic || VENDORS.iter().find(is_vendors).is_some_and(Vendor::needs_key)
}

impl Vendor {
    /// How it is spoken to at an address of one's own, or without one at its own. OpenAI itself speaks Responses, whose
    /// newer models use tools over that wire only; what others call compatible with OpenAI are chat completions.
    pub fn kind_at(&self, url: Option<&str>) -> Kind {
        if self.kind == Kind::OpenAi && self.url.is_empty() && url.is_none_or(|url| url.contains("//api.openai.com")) {
            Kind::Responses
        } else {
            self.kind
        }
    }

    pub fn needs_key(&self) -> bool {
        !self.key_page.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_found() {
        let names: HashSet<&str> = VENDORS.iter().map(|vendor| vendor.name).collect();
        assert_eq!(names.len(), VENDORS.len());
        for name in &names {
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{name}");
        }
        assert_eq!(named("DeepSeek").map(|vendor| vendor.name), Some("deepseek"));
        assert_eq!(named("moonshot").map(|vendor| vendor.name), Some("kimi"));
        assert!(ALIASES.iter().all(|(alias, own)| named(alias).is_some_and(|vendor| vendor.name == *own)));
        assert_eq!(named("gpt"), None);
    }
}
