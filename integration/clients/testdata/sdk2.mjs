import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { pathToFileURL } from 'node:url'
import { config, scenario } from './scenario.mjs'

const errors = []
const client = new Client(
  { name: 'sdk2', version: '1' },
  { capabilities: { roots: {} }, versionNegotiation: { mode: config.mode } },
)
client.onerror = (e) => errors.push(e)
client.setRequestHandler('roots/list', async () => ({ roots: [{ uri: pathToFileURL(config.root).href }] }))
await client.connect(new StdioClientTransport(config.server))
config.era = client.getNegotiatedProtocolVersion()
await scenario(client, (params, options) => client.callTool(params, options), errors)
