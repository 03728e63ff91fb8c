// llama.cpp as a peer: measures it, or asks it for greedy tokens and probabilities.
//
// llama.cpp comes as the prebuilt libraries of the npm package node-llama-cpp, which pick the
// variant made for this CPU at run time. Install it anywhere outside this repository:
//
//   mkdir peers && npm --prefix peers install node-llama-cpp
//   node tools/bench/llama_cpp_peer.mjs --package peers MODEL --prefill 512 --decode 64 --threads 2
//   node tools/bench/llama_cpp_peer.mjs --package peers MODEL --input-ids 1,2,3 --tokens 20
//   node tools/bench/llama_cpp_peer.mjs --package peers MODEL --input-ids 1,2,3 --probabilities
//
// Results are JSON on standard output, in the shape of `rosso-bench --json`. Times are those a
// caller sees around one evaluation; the tokens of the measurement are arbitrary, since the time
// does not depend on them. KV cache f16, flash attention as the library chooses.
import path from 'node:path';
import {pathToFileURL} from 'node:url';
import {parseArgs} from 'node:util';

const {values: flags, positionals} = parseArgs({
  allowPositionals: true,
  options: {
    package: {type: 'string', default: '.'},
    prefill: {type: 'string', default: '512'},
    decode: {type: 'string', default: '64'},
    threads: {type: 'string', default: '2'},
    repeat: {type: 'string', default: '3'},
    tokens: {type: 'string', default: '0'},
    'input-ids': {type: 'string'},
    probabilities: {type: 'boolean', default: false},
  },
});
if (positionals.length !== 1) {
  console.error('usage: llama_cpp_peer.mjs [--package DIR] MODEL [--prefill N] [--decode N] ...');
  process.exit(2);
}

const entry = path.resolve(flags.package, 'node_modules/node-llama-cpp/dist/index.js');
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(entry));
const threads = Number(flags.threads);
const prefill = Number(flags.prefill);
const decode = Number(flags.decode);

const llama = await getLlama(
    {gpu: false, build: 'never', maxThreads: threads, logLevel: LlamaLogLevel.error});
const loadBegin = performance.now();
const model = await llama.loadModel({modelPath: path.resolve(positionals[0]), gpuLayers: 0});
const loadSeconds = (performance.now() - loadBegin) / 1000;
const ids = flags['input-ids']?.split(',').map(Number);
const wanted = (ids ? ids.length + Number(flags.tokens) : prefill + decode) + 8;
const context = await model.createContext(
    {contextSize: Math.max(wanted, 64), batchSize: 512, threads: {ideal: threads, min: threads}});
const sequence = context.getSequence();

const median = (list) => {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

// Greedy continuation of `prompt`; `visit` sees each token as it comes.
async function continueGreedily(prompt, count, visit) {
  const metadata = {probabilities: flags.probabilities};
  const options = {temperature: 0, yieldEogToken: true};
  let left = count;
  for await (const item of sequence.evaluateWithMetadata(prompt, metadata, options)) {
    visit(item);
    if (--left <= 0)
      break;
  }
}

async function measure() {
  // Some vocabularies reserve low ids for control tokens; any id is as good as another for time.
  const prompt = Array.from({length: prefill}, (_, i) => 10 + (i * 37) % 200);
  const rates = {prefill: [], decode: []};
  for (let round = 0; round <= Number(flags.repeat); ++round) { // round 0 warms up
    await sequence.clearHistory();
    let begin = performance.now();
    await sequence.evaluateWithoutGeneratingNewTokens(prompt);
    const prefillSeconds = (performance.now() - begin) / 1000;

    // The first token of the iteration evaluates the one it is given, so each step costs the same.
    begin = performance.now();
    let steps = 0;
    await continueGreedily([prompt[0]], decode, () => ++steps);
    const decodeSeconds = (performance.now() - begin) / 1000;
    if (round > 0) {
      rates.prefill.push(prefill / prefillSeconds);
      rates.decode.push(steps / decodeSeconds);
    }
  }
  return {
    model: path.basename(positionals[0]),
    device: `llama.cpp ${llama.llamaCppRelease.release}, ${threads} threads`,
    prefill: {tokens: prefill, tok_s: median(rates.prefill), all: rates.prefill},
    decode: {tokens: decode, tok_s: median(rates.decode), all: rates.decode},
    load_s: loadSeconds,
    peak_bytes: process.resourceUsage().maxRSS * 1024,
  };
}

async function answer() {
  const result = {model: path.basename(positionals[0]), input_ids: ids, ids: []};
  if (flags.probabilities)
    result.probabilities = []; // per generated token: the likeliest ids as [id, probability]
  await continueGreedily(ids, Math.max(1, Number(flags.tokens)), (item) => {
    result.ids.push(item.token);
    if (flags.probabilities)
      result.probabilities.push([...item.probabilities].slice(0, 40));
  });
  return result;
}

console.log(JSON.stringify(ids ? await answer() : await measure()));
await llama.dispose();
