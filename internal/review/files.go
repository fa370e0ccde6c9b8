package review

import (
	"path"
	"regexp"
	"strings"
)

const extensions = `astro|bash|bat|c|cc|cfg|cjs|clj|conf|cpp|cs|css|csv|cts|dart|ejs|erb|ex|exs|go|gql|gradle|graphql|h|hbs|hcl|hpp|hs|html|ini|java|js|json|jsonc|jsx|kt|kts|less|lock|lua|m|md|mdx|mjs|mod|mts|php|pl|prisma|proto|ps1|py|pyi|r|rb|rs|rst|sass|scala|scss|sh|sql|svelte|svg|swift|tf|toml|ts|tsx|txt|vue|xml|yaml|yml|zig`

var (
	// filePath has a known extension, or is a file that goes without.
	filePath  = regexp.MustCompile(`^(?:\.{0,2}/)?(?:[\w@.\-\[\]()+~]+/)*(?:[\w@.\-\[\]+]+\.(?:` + extensions + `)|` + plainName + `|\.gitignore|\.dockerignore|\.env(?:\.[a-z]+)?)$`)
	plainName = `Makefile|Dockerfile|Jenkinsfile|Procfile|Gemfile|Rakefile|CODEOWNERS`
	pathWord  = regexp.MustCompile("`[^`\n]{1,200}`|[\\w@./\\-\\[\\]+]*[\\w\\]](?:/|\\.)[\\w@./\\-\\[\\]+]*\\w|\\b(?:" + plainName + ")\\b|\\.(?:git|docker)ignore\\b")
	position  = regexp.MustCompile(`(?:#L\d+(?:-L?\d+)?|:\d+(?:[-:,]\d+)*)$`)
	// products are named like files.
	products    = regexp.MustCompile(`(?i)^(?:node|next|nuxt|vue|react|express|three|d3|ember|backbone|angular|nest|alpine|chart|moment|socket|bun|deno|p5|asp|day|discord|electron|ethers|web3|lit|solid|handlebars|mustache|require|paper|matter|pdf|tensorflow|(?:re[qs]|request|response|ctx|data|body|this))\.(?:js|json|ts|io)$`)
	placeholder = regexp.MustCompile(`(?i)(?:^|/)(?:path/to|your[-_]|foo\.|bar\.|example\.)|\.\.\.|node_modules/`)

	// The cue that stands nearest before a path says what happens to the file.
	changing = `(?:create[sd]?|creating|add(?:s|ed|ing)?|edit(?:s|ing)?|modif(?:y|ies|ying)|updat(?:e|es|ing)|chang(?:e|es|ing)|implement(?:s|ing)?|(?:re)?writ(?:e|es|ing)|renam(?:e|es|ing)|mov(?:e|es|ing)|delet(?:e|es|ing)|remov(?:e|es|ing)|refactor(?:s|ing)?|extend(?:s|ing)?|replac(?:e|es|ing)|fix(?:es|ing)?|introduc(?:e|es|ing)|register(?:s|ed|ing)?|wire|insert(?:s|ing)?|append(?:s|ing)?|convert(?:s|ing)?|split|bump(?:s|ing)?|touch(?:es|ing)?|set up|scaffold|patch|put|build(?:s|ing)?|drop|export)\b` +
		`|(?:files?|changes|(?:files? )?(?:changed|affected|touched|to (?:change|create|modify|edit|touch)))[*_]*:`
	reading = `(?:see|like|read(?:s|ing)?|per|follow(?:s|ing)?|based on|us(?:e|es|ing)|used by|called by|imports?|importing|run(?:s|ning)?|execut(?:e|es|ing)|against|similar to|mirror(?:s|ing)?|as in|described in|defined in|documented in|listed in|found in|check(?:s|ing)?|look at|review(?:s|ing)?|according to|refer(?:s|ring)? to|consult|such as|style of|same as|patterns? (?:in|of)|without|leave|keep|match(?:es|ing)?|consistent with|already in|exists? in|lives? in|inspect|analy[sz]e|understand|investigate|verify|commit|stage|git add|but)\b` +
		`|e\.g\.|(?:tests?|references?|(?:files? )?to read|context|inputs?)[*_]*:`
	fileCue = regexp.MustCompile(`(?i)\b(?:(` + changing + `)|` + reading + `)`)
	koFiles = regexp.MustCompile(`(?:변경|수정|생성|대상|추가)?[ \t]*파일[*_]*[ \t]*[:：][^:：]*$|^[*_ ]*(?:수정|변경|생성|추가|삭제)[*_]*[ \t]*[:：][^:：]*$`)
)

// changes are the files that an item's text says it changes, by cleaned path.
// A file that it only reads, runs or names as a model is none of them.
func (it *item) changes() map[string]bool {
	files := map[string]bool{}
	header := false // the block before was a header such as "Files:"
	for _, b := range it.blocks {
		if b.code || b.text == "" {
			continue
		}
		for _, at := range pathWord.FindAllStringIndex(b.text, -1) {
			name, ok := fileName(b.text[at[0]:at[1]])
			if b.text[at[0]] != '`' && aboutFormat.MatchString(b.text[at[1]:]) {
				continue
			}
			if ok && hangul.MatchString(b.text[at[1]:min(len(b.text), at[1]+window)]) && changesAfter(b.text[at[1]:]) {
				files[name] = true
				continue
			}
			if ok && (changed(clauseBefore(b.text[:at[0]]), header) || leadsChange(b.text, at)) {
				files[name] = true
			}
		}
		if strings.HasSuffix(strings.TrimRight(b.text, "*_ "), ":") {
			header = filesHeader.MatchString(b.text)
		}
	}
	return files
}

var filesHeader = regexp.MustCompile(`(?i)^[*_ ]*(?:files?|changes|(?:new |changed |affected |modified |touched )files|files (?:changed|affected|touched|to (?:change|create|modify|edit|touch))|(?:(?:변경|수정|생성|대상)[ \t]*)?파일)[*_ ]*[:：]`)

var (
	// nearCue counts only right before a path: "tests for src/a.ts" against
	// "add checks for dates in src/a.ts".
	nearCue = regexp.MustCompile(`(?i)\b(?:for|from|of|with|against|than)[ \t]+(?:the[ \t]+)?[*_]*$`)
	taking  = regexp.MustCompile(`(?i)\b(?:remov|delet|drop|strip|extract|mov|(?:re-?)?export)\w*\b[^.;]*\bfrom[ \t]+(?:the[ \t]+)?[*_]*$`)
)

// changed judges a path by the words of its clause before it.
func changed(before string, header bool) bool {
	all := fileCue.FindAllStringSubmatchIndex(before, -1)
	switch {
	case len(all) == 0 && koFiles.MatchString(before):
		return true
	case len(all) == 0:
		return header && strings.Trim(before, " `*_-,") == ""
	case negation.MatchString(before):
		return false
	case nearCue.MatchString(before) && !taking.MatchString(before):
		return false
	default:
		return all[len(all)-1][2] >= 0
	}
}

// leadsChange says that a path begins its block and what follows says what to
// do with it: "`src/a.ts`: add the flag".
func leadsChange(text string, at []int) bool {
	if strings.Trim(text[:at[0]], " *_") != "" {
		return false
	}
	rest := strings.TrimLeft(text[at[1]:], "*_ ")
	if !strings.HasPrefix(rest, ":") && !strings.HasPrefix(rest, "-") && !strings.HasPrefix(rest, "–") && !strings.HasPrefix(rest, "—") && !strings.HasPrefix(rest, "(") {
		return false
	}
	rest = strings.TrimLeft(rest, ":-–—( *_")
	m := fileCue.FindStringSubmatchIndex(rest[:min(len(rest), 40)])
	return m != nil && m[0] == 0 && m[2] >= 0
}

// fileName cleans a word that is a path.
func fileName(word string) (string, bool) {
	quoted := strings.HasPrefix(word, "`")
	word = position.ReplaceAllString(strings.Trim(word, "`"), "")
	if !filePath.MatchString(word) || products.MatchString(word) || placeholder.MatchString(word) || strings.Contains(word, "//") {
		return "", false
	}
	if !quoted && !strings.Contains(word, "/") && !famous.MatchString(word) {
		return "", false
	}
	dir := path.Dir(word)
	if strings.Contains(dir, ".") && filePath.MatchString(dir) {
		return "", false // "a.js/b.js" are two
	}
	return path.Clean(word), true
}

var (
	// famous are files that are known by name also where they are not marked as code.
	famous = regexp.MustCompile(`^(?:package(?:-lock)?\.json|tsconfig\.json|go\.(?:mod|sum)|README\.md|CHANGELOG\.md|Cargo\.toml|pyproject\.toml|requirements\.txt|pom\.xml|docker-compose\.ya?ml|\.gitignore|\.dockerignore|` + plainName + `)$`)
	// aboutFormat follows the name of a format, not of a file: "a Dockerfile parser".
	aboutFormat = regexp.MustCompile(`^[ -](?i:parser|parsing|lint\w*|format\w*|support|syntax|lexer|detect\w*|generat\w*|templates?|highlight\w*|instructions?|analy[sz]\w*|editor|previews?)\b`)
)
