package codex

import (
	"path"
	"strings"
)

// Script unwraps the shell from a command as Codex's JSONL shows it: from
// "/bin/bash -lc 'npm test'" it gives "npm test". What is not such a wrapper
// gives ok false.
func Script(cmd string) (script string, ok bool) {
	argv, ok := splitWords(cmd)
	if !ok || len(argv) != 3 {
		return "", false
	}
	switch path.Base(argv[0]) {
	case "bash", "sh", "zsh":
	default:
		return "", false
	}
	if argv[1] != "-lc" && argv[1] != "-c" {
		return "", false
	}
	return argv[2], true
}

// splitWords undoes the quoting that Codex does to print an argv: POSIX words
// and quotes and nothing else of a shell, so that $ and ; are plain characters.
func splitWords(s string) (words []string, ok bool) {
	var word strings.Builder
	inWord := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\t', '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		case '\'':
			end := strings.IndexByte(s[i+1:], '\'')
			if end < 0 {
				return nil, false
			}
			word.WriteString(s[i+1 : i+1+end])
			i += 1 + end
			inWord = true
		case '"':
			n, closed := doubleQuoted(&word, s[i+1:])
			if !closed {
				return nil, false
			}
			i += n
			inWord = true
		case '\\':
			i++
			if i == len(s) {
				return nil, false
			}
			if s[i] != '\n' {
				word.WriteByte(s[i])
				inWord = true
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, true
}

// doubleQuoted appends what stands before the closing quote in s to word, and
// says how many bytes that took, the quote included.
func doubleQuoted(word *strings.Builder, s string) (n int, closed bool) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return i + 1, true
		case '\\':
			i++
			if i == len(s) {
				return 0, false
			}
			switch s[i] {
			case '$', '`', '"', '\\':
				word.WriteByte(s[i])
			case '\n':
			default:
				word.WriteByte('\\')
				word.WriteByte(s[i])
			}
		default:
			word.WriteByte(s[i])
		}
	}
	return 0, false
}
