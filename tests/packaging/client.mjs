// A person at the public port, for the packages' tests: plain node, no dependencies.
//
//   client.mjs URL register NAME [CODE]     prints the token
//   client.mjs URL login NAME PASSWORD      prints the token
//   client.mjs URL verify TOKEN             prints the user's name
//   client.mjs URL chat TOKEN TEXT          asks in a new conversation, prints the answer
//   client.mjs URL read TOKEN               prints what all conversations say, a line each
//   client.mjs URL stop TOKEN TEXT          asks, stops at the first piece of the answer, prints how the turn ended
//   client.mjs URL post TOKEN PATH BYTES    posts that much, prints the status and the type of the answer
//   client.mjs sign SECRET USERID           prints a token as Portagent 1.9 made them
//
// CLIENT_ADDRESS is the address it comes from, NODE_EXTRA_CA_CERTS names a certificate to trust.
import { createHmac, randomBytes } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';

const PASSWORD = 'a password of the tests';
const PATIENCE_MS = 30_000;
const localAddress = process.env.CLIENT_ADDRESS;

const fail = (why) => { console.error(why); process.exit(1); };
setTimeout(() => fail('it took longer than 30 seconds'), PATIENCE_MS).unref();

const start = (url, options) => (url.protocol === 'https:' ? https : http).request(url, { localAddress, ...options });

function ask(base, method, path, token, body) {
  const headers = { ...(token && { Authorization: `Bearer ${token}` }) };
  if (body !== undefined) Object.assign(headers, { 'Content-Type': 'application/json', 'Content-Length': body.length });
  return new Promise((done, broken) => {
    let answered = false;
    const request = start(new URL(base + path), { method, headers });
    request.on('response', (response) => {
      answered = true;
      const parts = [];
      const end = () => done({
        status: response.statusCode, type: response.headers['content-type'], text: Buffer.concat(parts).toString(),
      });
      response.on('data', (part) => parts.push(part)).on('end', end).on('error', end);
    });
    request.on('error', (error) => answered || broken(error)); // refused early: the rest of the body has no reader
    request.end(body);
  });
}

async function json(base, method, path, token, body) {
  const answer = await ask(base, method, path, token, body && Buffer.from(JSON.stringify(body)));
  if (answer.status >= 300) fail(`${method} ${path}: ${answer.status} ${answer.text}`);
  return JSON.parse(answer.text);
}

// RFC 6455, as far as short frames to the server and whole text frames from it need it.
class Socket {
  #socket; #rest = Buffer.alloc(0); #frames = []; #wake = () => {}; #ids = 0;

  static open(base, token) {
    const headers = {
      Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': randomBytes(16).toString('base64'), Origin: new URL(base).origin,
      'Sec-WebSocket-Protocol': `portagent.v1, bearer.${token}`,
    };
    return new Promise((done) => {
      const request = start(new URL(`${base}/ws`), { headers });
      request.on('upgrade', (_, socket, head) => done(new Socket(socket, head)));
      request.on('response', (response) => fail(`no upgrade: ${response.statusCode}`));
      request.on('error', (error) => fail(error.message));
      request.end();
    });
  }

  constructor(socket, head) {
    this.#socket = socket;
    socket.on('data', (data) => this.#read(data)).on('error', () => {});
    this.#read(head);
  }

  #read(data) {
    this.#rest = Buffer.concat([this.#rest, data]);
    for (;;) {
      const buffer = this.#rest;
      if (buffer.length < 2) break;
      let [length, from] = [buffer[1] & 127, 2];
      if (length === 126) [length, from] = buffer.length < 4 ? [Infinity, 4] : [buffer.readUInt16BE(2), 4];
      else if (length === 127) [length, from] = buffer.length < 10 ? [Infinity, 10] : [Number(buffer.readBigUInt64BE(2)), 10];
      if (buffer.length < from + length) break;
      if ((buffer[0] & 15) === 1) this.#frames.push(JSON.parse(buffer.subarray(from, from + length).toString()));
      if ((buffer[0] & 15) === 9) this.#write(10, buffer.subarray(from, from + length));
      this.#rest = buffer.subarray(from + length);
    }
    this.#wake();
  }

  #write(opcode, payload) {
    const mask = randomBytes(4);
    const head = payload.length < 126 ? [128 | opcode, 128 | payload.length]
      : [128 | opcode, 254, payload.length >> 8, payload.length & 255];
    this.#socket.write(Buffer.concat([Buffer.from(head), mask, payload.map((byte, at) => byte ^ mask[at & 3])]));
  }

  async next(wanted) {
    for (;;) {
      const at = this.#frames.findIndex(wanted);
      if (at >= 0) return this.#frames.splice(at, 1)[0];
      await new Promise((wake) => { this.#wake = wake; });
    }
  }

  async request(type, data) {
    const id = `r${++this.#ids}`;
    this.#write(1, Buffer.from(JSON.stringify({ id, type: `${type}_request`, data })));
    const answer = await this.next((frame) => frame.id === id);
    if (answer.error) fail(`${type}: ${JSON.stringify(answer.error)}`);
    return answer.data;
  }

  close() { this.#socket.destroy(); }
}

const said = ({ content }) => (typeof content === 'string' ? content : content.map((part) => part.text ?? '').join(''));

const isEvent = (...types) => (frame) => types.includes(frame.type) && frame.seq;

async function chat(base, token, text, stopped) {
  const socket = await Socket.open(base, token);
  const { imageId } = (await socket.request('image_create', { name: 'a test' })).record;
  await socket.request('subscribe', { imageId });
  await socket.request('message_send', { imageId, content: text });
  let answer = '';
  for (;;) {
    const event = await socket.next(isEvent('text_delta', 'conversation_end'));
    if (event.type === 'conversation_end') {
      socket.close();
      return { answer, reason: event.data.reason };
    }
    // Where something on the way holds pieces back, the first one comes when the turn is over: too late to stop it.
    if (stopped && !answer) await socket.request('agent_interrupt', { imageId });
    answer += event.data.text;
  }
}

async function read(base, token) {
  const socket = await Socket.open(base, token);
  const { records } = await socket.request('image_list', {});
  for (const { imageId } of records) {
    const { messages } = await socket.request('image_messages', { imageId });
    for (const message of messages) console.log(`${message.role}: ${said(message).replaceAll('\n', ' ')}`);
  }
  socket.close();
}

function sign(secret, sub) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const iat = Math.floor(Date.now() / 1000) - 60;
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub, iat, exp: iat + 7 * 24 * 3600 })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

const COMMANDS = {
  register: async (base, username, inviteCode) =>
    console.log((await json(base, 'POST', '/api/auth/register', null, { username, password: PASSWORD, inviteCode })).token),
  login: async (base, usernameOrEmail, password = PASSWORD) =>
    console.log((await json(base, 'POST', '/api/auth/login', null, { usernameOrEmail, password })).token),
  verify: async (base, token) => console.log((await json(base, 'GET', '/api/auth/verify', token)).user.username),
  chat: async (base, token, text) => {
    const { answer, reason } = await chat(base, token, text, false);
    if (reason !== 'completed' || !answer) fail(`${reason}: ${answer}`);
    console.log(answer);
  },
  read,
  stop: async (base, token, text) => console.log((await chat(base, token, text, true)).reason),
  post: async (base, token, path, bytes) => {
    const answer = await ask(base, 'POST', path, token, Buffer.alloc(Number(bytes), 'x'));
    console.log(`${answer.status} ${answer.type}`);
  },
};

const [base, command, ...operands] = process.argv.slice(2);
if (base === 'sign') console.log(sign(command, ...operands));
else await COMMANDS[command](base.replace(/\/$/, ''), ...operands);
