// Does with OpenAI's official JavaScript client what test_js_client.py asks for, and prints as JSON
// what came of it: client.mjs NODE_MODULES URL TASK MODEL
import { createRequire } from "node:module";

const [modules, url, task, model] = process.argv.slice(2);
const { OpenAI } = createRequire(modules + "/")("openai");
const client = new OpenAI({ baseURL: url + "/v1", apiKey: "k", maxRetries: 0 });
const user = (content) => [{ role: "user", content }];
const create = (more) => client.chat.completions.create({ model, temperature: 0, ...more });
const exec = {
  type: "function",
  function: {
    name: "exec",
    parameters: {
      type: "object",
      properties: { command: { type: "string" } },
      required: ["command"],
    },
  },
};

const tasks = {
  async chat(text) {
    const reply = await create({ messages: user(text) });
    return { text: reply.choices[0].message.content, why: reply.choices[0].finish_reason };
  },

  async stream(text) {
    const stream = await create({
      messages: user(text),
      stream: true,
      stream_options: { include_usage: true },
    });
    let said = "", pieces = 0, usage = null;
    for await (const chunk of stream) {
      pieces += 1;
      said += chunk.choices[0]?.delta.content ?? "";
      usage = chunk.usage ?? usage;
    }
    return { text: said, pieces, tokens: usage.completion_tokens };
  },

  async tool() {
    const messages = user("call");
    const first = await client.chat.completions
      .stream({ model, messages, tools: [exec] })
      .finalChatCompletion();
    const { message, finish_reason } = first.choices[0];
    messages.push(message, {
      role: "tool", tool_call_id: message.tool_calls[0].id, content: "contents",
    });
    messages.push(...user("say thanks"));
    const last = await create({ messages, tools: [exec] });
    const call = message.tool_calls[0].function;
    return {
      why: finish_reason, name: call.name, arguments: JSON.parse(call.arguments),
      then: last.choices[0].message.content,
      cached: last.usage.prompt_tokens_details.cached_tokens,
    };
  },

  async runTools() {
    const seen = [];
    const run = (given) => (seen.push(given), "contents");
    const runner = client.chat.completions.runTools({
      model, messages: user("call"),
      tools: [
        { type: "function", function: { ...exec.function, function: run, parse: JSON.parse } },
      ],
    }, { maxChatCompletions: 2 });
    await runner.done();
    return { seen, said: runner.messages.filter((each) => each.role === "tool").length };
  },

  async schema() {
    const schema = {
      type: "object", properties: { a: { enum: [1, 2] } }, required: ["a"],
      additionalProperties: false,
    };
    const reply = await create({
      messages: user('say {"a":2}'),
      response_format: { type: "json_schema", json_schema: { name: "x", schema } },
    });
    return JSON.parse(reply.choices[0].message.content);
  },

  async abort() {
    const stream = await create({ messages: user("repeat 4000"), stream: true });
    let pieces = 0;
    for await (const _ of stream) if (++pieces === 3) stream.controller.abort();
    return { pieces };
  },

  async errors() {
    const name = (promise) => promise.then(() => "none", (error) => ({
      kind: error.constructor.name, status: error.status, text: error.message,
    }));
    return {
      missing: await name(client.chat.completions.create({ model: "gpt-5", messages: user("x") })),
      long: await name(create({ messages: user("x".repeat(40000)) })),
      key: await name(client.withOptions({ apiKey: "no" }).models.list()),
    };
  },
};

const [name, ...rest] = task.split(":");
console.log(JSON.stringify(await tasks[name](...(rest.length ? [rest.join(":")] : []))));
