//! What the demo says. It never pretends that a model has read the question.

use std::borrow::Cow;
use std::fmt::Write;

use super::question::{Question, Tool};

/// How much of a question is quoted, in characters.
const QUOTE_CHARS: usize = 200;
/// How much of a tool's result is quoted, in characters.
const RESULT_CHARS: usize = 500;
/// Paragraphs of a long answer.
const PARAGRAPHS: usize = 300;

/// The text of an answer.
pub(super) fn answer(question: &Question) -> Cow<'static, str> {
    let chinese = question.is_chinese;
    if let Tool::Used(result) = &question.tool {
        return after_tool(result, chinese).into();
    }
    let mut text = if chinese { "## 这是演示\n\n" } else { "## This is a demonstration\n\n" }.to_owned();
    text.push_str(if chinese { OPENING_ZH } else { OPENING_EN });
    text.push_str(&quote(&question.text, QUOTE_CHARS));
    if question.tool == Tool::Missing {
        text.push_str(if chinese { MISSING_ZH } else { MISSING_EN });
    }
    if question.long {
        long(&mut text, chinese);
    } else if !question.short {
        text.push_str(if chinese { REST_ZH } else { REST_EN });
    }
    text.into()
}

pub(super) fn thinking(chinese: bool) -> &'static str {
    if chinese {
        "这里会显示模型的思考过程。演示里没有模型，所以我只能假装在想：先看问题的语言，再找有没有约定的词，最后把准备好的文字一个词一个词地发出来。"
    } else {
        "This is where a model's thinking is shown. There is no model in this demonstration, so all there is to think \
         about is: which language is the question in, does it contain one of the agreed words, and then send the \
         prepared text word by word."
    }
}

pub(super) fn before_tool(chinese: bool) -> &'static str {
    if chinese { "我来用一下工具 `current_time`。" } else { "Let me use the tool `current_time`." }
}

fn after_tool(result: &str, chinese: bool) -> String {
    let result = quote(result, RESULT_CHARS);
    if chinese {
        format!(
            "工具 `current_time` 回答：\n\n{result}工具调用到此完成：请求、执行、结果和这段回答都走了真实的流程。\n"
        )
    } else {
        format!(
            "The tool `current_time` answered:\n\n{result}That was a whole tool call: the request, its execution, the \
             result and this answer all took the real way.\n"
        )
    }
}

fn long(text: &mut String, chinese: bool) {
    for number in 1..=PARAGRAPHS {
        // Writing to a String cannot fail.
        let _ = if chinese {
            writeln!(
                text,
                "**第 {number} 段，共 {PARAGRAPHS} 段。** 这是一段很长的演示文字，用来观察滚动、停止和重新连接。\
                 随时可以按“停止”，已经写出的内容会保留。\n"
            )
        } else {
            writeln!(
                text,
                "**Paragraph {number} of {PARAGRAPHS}.** This is a long text, made for watching how the page scrolls, \
                 stops and reconnects. Press “Stop” whenever you like: what has been written is kept.\n"
            )
        };
    }
}

/// As a Markdown quote in which nothing is Markdown.
fn quote(text: &str, most: usize) -> String {
    let mut quoted = String::from("> ");
    for c in cut(text.trim(), most).chars() {
        match c {
            '\n' => quoted.push_str("  \n> "),
            c if c.is_control() => {}
            // A backslash before one of these begins a formula.
            '(' => quoted.push_str("&#40;"),
            ')' => quoted.push_str("&#41;"),
            '[' => quoted.push_str("&#91;"),
            ']' => quoted.push_str("&#93;"),
            c if c.is_ascii_punctuation() => quoted.extend(['\\', c]),
            c => quoted.push(c),
        }
    }
    quoted + "\n\n"
}

fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

const OPENING_EN: &str = "There is **no model** behind this answer: the built-in demo provider wrote it, without looking \
    anything up and without a network. It did receive your message:\n\n";

const OPENING_ZH: &str =
    "这条回答背后**没有模型**：它由内置的演示服务写出，不查任何资料，也不需要网络。它确实收到了您的消息：\n\n";

const MISSING_EN: &str = "The tool `current_time` is not on offer in this conversation, so it cannot be used here.\n\n";

const MISSING_ZH: &str = "这个对话没有提供工具 `current_time`，所以这里用不了。\n\n";

const REST_EN: &str = "\
### Talk to a real model

1. Get an API key from your provider.
2. Set these variables, for example in `.env.local`:

```sh
LLM_PROVIDER=anthropic
LLM_PROVIDER_KEY=…
```

3. Start the server again.

### Words that show something

| Word | 中文 | What happens |
|---|---|---|
| `long` | 长 | a long text |
| `short` | 短 | two sentences |
| `slow` | 慢 | word by word, slowly |
| `think` | 思考 | some thinking first |
| `tool` | 工具 | asks for the time, if that tool is on offer |
| `error` | 错误 | breaks off with an error |

Everything else is the real thing:

- the answer **streams**, and can be stopped at any time;
- it is *stored*, also when you close the page;
- 中文也一样：同一个界面，同一个流程。

> Nothing that you write here is sent to a model's provider.
";

const REST_ZH: &str = "\
### 接上真正的模型

1. 向模型服务商申请一个 API key。
2. 设置下面的变量，例如写进 `.env.local`：

```sh
LLM_PROVIDER=anthropic
LLM_PROVIDER_KEY=…
```

3. 重新启动服务。

### 有用的词

| 词 | English | 效果 |
|---|---|---|
| `长` | long | 一篇长文 |
| `短` | short | 两句话 |
| `慢` | slow | 一个词一个词，慢慢来 |
| `思考` | think | 先思考 |
| `工具` | tool | 如果提供了工具，就查询当前时间 |
| `错误` | error | 中途出错 |

其余都是真实的：

- 回答是**流式**的，随时可以停止；
- 内容会*保存*，关掉网页也一样；
- English works just as well.

> 您在这里写的内容不会发给任何模型服务商。
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_shows_the_question_and_nothing_else() {
        assert_eq!(quote("a *b*\n# c", 200), "> a \\*b\\*  \n> \\# c\n\n");
        assert_eq!(quote("now (Friday) [x]", 200), "> now &#40;Friday&#41; &#91;x&#93;\n\n");
        assert!(quote(&"字".repeat(5000), 200).chars().count() <= 210);
    }

    #[test]
    fn the_language_is_that_of_the_question() {
        let ask =
            |text: &str, is_chinese| answer(&Question { text: text.to_owned(), is_chinese, ..Question::default() });
        assert!(ask("hello", false).contains("> hello") && ask("hello", false).contains("LLM_PROVIDER_KEY"));
        assert!(ask("你好", true).contains("> 你好") && ask("你好", true).contains("没有模型"));
    }

    #[test]
    fn a_short_answer_is_the_opening_alone() {
        let question = Question { text: "hello".to_owned(), short: true, ..Question::default() };
        assert!(answer(&question).contains("> hello") && !answer(&question).contains("LLM_PROVIDER_KEY"));
    }
}
