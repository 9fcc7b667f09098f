"""The official clients against the scripted upstream: what it answers is what they accept, strictly, and what it refuses is
what they know as an error. The upstream has the answers ready in the order in which they are asked for here."""

import sys

import anthropic
import ollama
import openai

URL = sys.argv[1]
MODEL = "model-of-the-test"
SCHEMA = {"type": "object", "properties": {"zone": {"type": "string"}}}


def same(what, seen, expected):
    assert seen == expected, f"{what}: {seen!r} instead of {expected!r}"


def refused(what, error, ask):
    try:
        ask()
    except error:
        return
    raise AssertionError(f"{what}: was not refused")


def messages():
    client = anthropic.Anthropic(base_url=URL, api_key="k", max_retries=0, _strict_response_validation=True)
    asked = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
    with client.messages.stream(**asked) as stream:
        same("text", "".join(stream.text_stream), "Hello, 世界")
        whole = stream.get_final_message()
    same("usage", (whole.usage.input_tokens, whole.usage.output_tokens, whole.stop_reason), (11, 23, "end_turn"))
    tools = [{"name": "look", "description": "Looks.", "input_schema": SCHEMA}]
    with client.messages.stream(**asked, tools=tools) as stream:
        whole = stream.get_final_message()
    same("kinds", [block.type for block in whole.content], ["thinking", "text", "tool_use"])
    same("call", (whole.content[2].name, whole.content[2].input), ("look", {"zone": "UTC"}))
    # The turn goes back as it came, with its result.
    result = {"type": "tool_result", "tool_use_id": whole.content[2].id, "content": "noon"}
    turns = [asked["messages"][0], {"role": "assistant", "content": whole.content}, {"role": "user", "content": [result]}]
    with client.messages.stream(**{**asked, "messages": turns}, tools=tools) as stream:
        same("round", "".join(stream.text_stream), "Noon.")
    refused("a result without its call", anthropic.BadRequestError, lambda: client.messages.create(
        **{**asked, "messages": [{"role": "user", "content": [result]}]}))
    refused("too many", anthropic.RateLimitError, lambda: client.messages.create(**asked))
    refused("overloaded", anthropic.APIStatusError, lambda: client.messages.create(**asked))


def completions():
    client = openai.OpenAI(base_url=URL + "/v1", api_key="k", max_retries=0, _strict_response_validation=True)
    asked = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    chunks = list(client.chat.completions.create(**asked, stream_options={"include_usage": True}))
    same("text", "".join(c.choices[0].delta.content or "" for c in chunks if c.choices), "Hello, 世界")
    same("usage", (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens), (11, 23))
    tools = [{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}]
    with client.chat.completions.stream(model=MODEL, messages=asked["messages"], tools=tools) as stream:
        for _ in stream:
            pass
        choice = stream.get_final_completion().choices[0]
    call = choice.message.tool_calls[0]
    same("call", (call.function.name, call.function.arguments, choice.finish_reason), ("look", '{"zone":"UTC"}', "tool_calls"))
    turns = asked["messages"] + [choice.message.model_dump(exclude_none=True, include={"role", "content"})
        | {"tool_calls": [{"id": call.id, "type": "function", "function": {"name": "look", "arguments": call.function.arguments}}]}]
    refused("a call without its result", openai.BadRequestError, lambda: client.chat.completions.create(
        **{**asked, "messages": turns}))
    turns += [{"role": "tool", "tool_call_id": call.id, "content": "noon"}]
    chunks = list(client.chat.completions.create(**{**asked, "messages": turns}))
    same("round", "".join(c.choices[0].delta.content or "" for c in chunks if c.choices), "Noon.")
    refused("too many", openai.RateLimitError, lambda: client.chat.completions.create(**asked))


def responses():
    client = openai.OpenAI(base_url=URL + "/v1", api_key="k", max_retries=0, _strict_response_validation=True)
    asked = {"model": MODEL, "store": False, "include": ["reasoning.encrypted_content"]}
    question = [{"role": "user", "content": "hi"}]
    with client.responses.stream(**asked, input=[{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]) as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        whole = stream.get_final_response()
    same("text", (text, whole.output_text), ("Hello, 世界", "Hello, 世界"))
    same("usage", (whole.usage.input_tokens, whole.usage.output_tokens), (11, 23))
    tools = [{"type": "function", "name": "look", "parameters": SCHEMA, "strict": False}]
    with client.responses.stream(**asked, input=question, tools=tools) as stream:
        for _ in stream:
            pass
        whole = stream.get_final_response()
    same("kinds", [item.type for item in whole.output], ["reasoning", "message", "function_call"])
    same("call", (whole.output[2].name, whole.output[2].arguments), ("look", '{"zone":"UTC"}'))
    items = question + [item.model_dump(exclude_none=True, exclude={"parsed_arguments", "status"}) for item in whole.output]
    for item in items:
        for part in item.get("content") or [] if item.get("role") == "assistant" else []:
            part.pop("parsed", None)
    refused("a call without its result", openai.BadRequestError, lambda: client.responses.create(**asked, input=items))
    items += [{"type": "function_call_output", "call_id": "call_1", "output": "noon"}]
    with client.responses.stream(**asked, input=items) as stream:
        for _ in stream:
            pass
        same("round", stream.get_final_response().output_text, "Noon.")
    refused("stored", openai.BadRequestError, lambda: client.responses.create(model=MODEL, input=question))
    refused("too many", openai.RateLimitError, lambda: client.responses.create(**asked, input=question))


def native():
    client = ollama.Client(host=URL)
    question = [{"role": "user", "content": "hi"}]
    parts = list(client.chat(model=MODEL, messages=question, stream=True))
    same("text", "".join(part.message.content for part in parts), "Hello, 世界")
    same("end", (parts[-1].done, parts[-1].prompt_eval_count, parts[-1].eval_count), (True, 11, 23))
    tools = [{"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": SCHEMA}}]
    calls = [call for part in client.chat(model=MODEL, messages=question, tools=tools, stream=True)
             for call in part.message.tool_calls or []]
    same("call", [(call.function.name, dict(call.function.arguments)) for call in calls], [("look", {"zone": "UTC"})])
    shown = client.show(MODEL)
    same("details", (shown.capabilities, shown.modelinfo["qwen3.context_length"]), (["completion", "tools"], 40960))
    refused("too many", ollama.ResponseError, lambda: client.chat(model=MODEL, messages=question))


for prove in (messages, completions, responses, native):
    prove()
    print(f"{prove.__name__}: the official client agrees")
