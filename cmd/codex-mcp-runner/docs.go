package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/config"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
)

func docsCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "docs FILE",
		Short:  "Write the generated parts of a README",
		Args:   cobra.ExactArgs(1),
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			old, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("read the document: %w", err)
			}
			text, err := generate(cmd.Context(), old)
			if err != nil {
				return err
			}
			if err := os.WriteFile(args[0], text, 0o644); err != nil {
				return fmt.Errorf("write the document: %w", err)
			}
			return nil
		},
	}
}

// generate puts what the code says of itself between the document's markers,
// <!-- generated: NAME --> and <!-- end -->. A test holds that the README has it.
func generate(ctx context.Context, doc []byte) ([]byte, error) {
	tools, err := toolDocs(ctx)
	if err != nil {
		return nil, err
	}
	fields, err := configDocs()
	if err != nil {
		return nil, err
	}
	for name, text := range map[string]string{"tools": tools, "configuration": fields} {
		start, end := []byte("<!-- generated: "+name+" -->\n"), []byte("<!-- end -->\n")
		before, rest, ok := bytes.Cut(doc, start)
		_, after, ended := bytes.Cut(rest, end)
		if !ok || !ended {
			return nil, fmt.Errorf("the document has no place for the generated part %q", name)
		}
		doc = slices.Concat(before, start, []byte(text), end, after)
	}
	return doc, nil
}

// kindOf says in a few words what a value may be.
func kindOf(s *jsonschema.Schema) string {
	most, _ := s.Maximum.Float64() // none: 0, and Minimum is empty too
	switch {
	case len(s.Enum) > 0:
		words := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			words[i] = fmt.Sprintf("%q", v)
		}
		return strings.Join(words, ", ")
	case s.Minimum != "" && s.Maximum != "" && most < 1e6:
		return fmt.Sprintf("%s, %s to %s", s.Type, s.Minimum, s.Maximum)
	case s.Type == "array" && s.Items != nil:
		return "list of " + kindOf(s.Items) + "s"
	case len(s.OneOf) > 0:
		var kinds []string
		for _, one := range s.OneOf {
			kinds = append(kinds, kindOf(one))
		}
		return strings.Join(kinds, " or ")
	default:
		return s.Type
	}
}

func rows(b *strings.Builder, s *jsonschema.Schema, prefix string) {
	for name, p := range s.Properties.FromOldest() {
		need := ""
		if !slices.Contains(s.Required, name) {
			need = "?"
		}
		name = prefix + name
		fmt.Fprintf(b, "| `%s%s` | %s | %s |\n", name, need, kindOf(p), cell(p.Description))
		switch {
		case p.Items != nil && p.Items.Properties.Len() > 0:
			rows(b, p.Items, name+"[].")
		case p.Properties.Len() > 0:
			rows(b, p, name+".")
		}
	}
}

func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text)
}

func toolDocs(ctx context.Context) (string, error) {
	server, err := mcpserver.New(noBackend{}, mcpserver.Options{Version: "docs"})
	if err != nil {
		return "", err
	}
	const ask = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"docs","version":"1"}}}
{"jsonrpc":"2.0","id":2,"method":"tools/list"}
`
	var out bytes.Buffer
	if err := server.Serve(ctx, strings.NewReader(ask), &out); err != nil {
		return "", err
	}
	var b strings.Builder
	for line := range strings.Lines(out.String()) {
		var answer struct {
			Result struct {
				Tools []struct {
					Name, Description string
					InputSchema       jsonschema.Schema
					OutputSchema      jsonschema.Schema
				}
			}
		}
		if err := json.Unmarshal([]byte(line), &answer); err != nil {
			return "", fmt.Errorf("list the tools: %w", err)
		}
		for _, t := range answer.Result.Tools {
			fmt.Fprintf(&b, "### %s\n\n%s\n\n| input | type | meaning |\n| --- | --- | --- |\n", t.Name, t.Description)
			rows(&b, &t.InputSchema, "")
			b.WriteString("\n<details><summary>What comes back</summary>\n\n| output | type | meaning |\n| --- | --- | --- |\n")
			rows(&b, &t.OutputSchema, "")
			b.WriteString("\n</details>\n")
		}
	}
	return b.String(), nil
}

func configDocs() (string, error) {
	var s jsonschema.Schema
	if err := json.Unmarshal(config.Schema(), &s); err != nil {
		return "", fmt.Errorf("read the configuration's schema: %w", err)
	}
	var b strings.Builder
	b.WriteString("| field | type | default | meaning |\n| --- | --- | --- | --- |\n")
	s.Properties.Delete("$schema") // which is for editors
	err := configRows(&b, &s, "")
	return b.String(), err
}

func configRows(b *strings.Builder, s *jsonschema.Schema, prefix string) error {
	for name, p := range s.Properties.FromOldest() {
		name = prefix + name
		def, err := json.Marshal(p.Default)
		if err != nil {
			return fmt.Errorf("encode the default of %s: %w", name, err)
		}
		value := "`" + strings.ReplaceAll(string(def), ",", ", ") + "`"
		if p.Default == nil {
			value = "by `resource_policy`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", name, kindOf(p), value, cell(p.Description))
		if err := configRows(b, p, name+"."); err != nil {
			return err
		}
	}
	return nil
}

// noBackend stands behind a server that is only asked what it offers.
type noBackend struct{ mcpserver.Backend }

func (noBackend) Stop(error) {}
