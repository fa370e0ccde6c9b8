package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/unseen"
)

// screenOf says what a command's output or error stream can show.
func screenOf(w io.Writer) console.Screen {
	if f, ok := w.(*os.File); ok {
		return console.ScreenOf(f, os.Getenv)
	}
	return console.Screen{}
}

// addJSON gives a command its --json. tool is the MCP tool that returns the same;
// empty: none does.
func addJSON(cmd *cobra.Command, asJSON *bool, tool string) {
	usage := "print JSON on stdout"
	if tool != "" {
		usage += ", as the tool " + tool + " returns it"
	}
	cmd.Flags().BoolVar(asJSON, "json", false, usage)
}

// printJSON writes v as the MCP tools do: a list is never null, and text is UTF-8.
// encoding/json writes a nil slice as null; its successor, which we use the
// published form of, can be told not to.
func printJSON(w io.Writer, v any) error {
	b, err := json.Marshal(v, jsonv1.DefaultOptionsV1(), json.FormatNilSliceAsNull(false),
		jsontext.EscapeForHTML(false), jsontext.WithIndent("  "))
	if err != nil {
		return fmt.Errorf("encode the result: %w", err)
	}
	_, err = w.Write(append(visible(b), '\n'))
	return err
}

// visible escapes the characters of a JSON text that a terminal might obey or hide.
// JSON itself asks for that only below U+0020; the rest stand inside strings, where
// an escape means the same.
func visible(text []byte) []byte {
	var out bytes.Buffer
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == '\n' || !unseen.Rune(r):
			out.Write(text[:size])
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
		text = text[size:]
	}
	return out.Bytes()
}
