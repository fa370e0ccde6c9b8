// What both SDKs do, step by step. Each step is told to the test as one line of
// JSON on stdout; where the test has to look at the engine first, it answers with
// a line on stdin.
import { createInterface } from 'node:readline'

export const config = JSON.parse(process.argv[2])
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const tell = (step, facts) => process.stdout.write(JSON.stringify({ step, ...facts }) + '\n')
const task = (prompt) => ({ name: 'run_codex_tasks', arguments: { tasks: [{ task_id: 'a', prompt }] } })

// The client must be connected; call is its callTool, errors what its onerror saw.
export async function scenario(client, call, errors) {
  tell('listed', { tools: (await client.listTools()).tools.map((t) => t.name), era: config.era })

  const progress = []
  const began = Date.now()
  const answer = await call(task('fix it slowly'), {
    timeout: config.timeout,
    resetTimeoutOnProgress: true,
    onprogress: (p) => progress.push(p),
  })
  tell('called', { answer, progress, ms: Date.now() - began })

  // The SDK compares each answer with the tool's output schema, and throws.
  const run_id = answer.structuredContent.run_id
  for (const [name, args] of config.reads) {
    tell('read', { name, answer: await call({ name, arguments: { ...args, ...(args.run_id === '' && { run_id }) } }) })
  }
  tell('refused', { answer: await call({ name: 'run_codex_tasks', arguments: { tasks: [] } }) })

  const abort = new AbortController()
  const end = await call(task('sleep for long'), {
    signal: abort.signal,
    onprogress: (p) => /sleep 600/.test(p.message) && abort.abort(new Error('enough of it')),
  }).then((answer) => ({ answer }), (error) => ({ error: String(error) }))
  tell('aborted', end)
  await lines.next()
  tell('alive', { tools: (await client.listTools()).tools.length })

  await client.close()
  tell('closed', { errors: errors.map(String) })
  process.exit(0)
}
