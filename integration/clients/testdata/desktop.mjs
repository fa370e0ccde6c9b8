// How Claude Desktop starts a bundle's server, told by the bundles' own library.
import { getMcpConfigForManifest } from '@anthropic-ai/mcpb'
import { readFileSync } from 'node:fs'

const { dir, user } = JSON.parse(process.argv[2]).question
const config = await getMcpConfigForManifest({
  manifest: JSON.parse(readFileSync(`${dir}/manifest.json`)),
  extensionPath: dir,
  systemDirs: {},
  userConfig: user,
  pathSeparator: '/',
})
process.stdout.write(JSON.stringify({ step: 'config', ...config }) + '\n')
