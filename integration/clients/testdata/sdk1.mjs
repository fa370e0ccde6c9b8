import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { pathToFileURL } from 'node:url'
import { config, scenario } from './scenario.mjs'

const errors = []
const client = new Client({ name: 'sdk1', version: '1' }, { capabilities: { roots: {} } })
client.onerror = (e) => errors.push(e)
client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: pathToFileURL(config.root).href }] }))
await client.connect(new StdioClientTransport(config.server))
await scenario(client, (params, options) => client.callTool(params, undefined, options), errors)
