package codex

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
)

// modelsJSON lists the models that Codex has built in. testdata/models.sh makes it.
//
//go:embed models.json
var modelsJSON []byte

type model struct {
	Slug string `json:"slug"`
	// CodeMode: the model calls its tools from JavaScript.
	CodeMode bool `json:"code_mode"`
	// Listed: Codex offers it to people.
	Listed bool `json:"listed"`
}

var models = sync.OnceValues(func() ([]model, error) {
	var list struct {
		Codex  string  `json:"codex"`
		Models []model `json:"models"`
	}
	if err := json.Unmarshal(modelsJSON, &list); err != nil {
		return nil, fmt.Errorf("decode models.json: %w", err)
	}
	if list.Codex != Version {
		return nil, fmt.Errorf("models.json is of Codex %s, want %s", list.Codex, Version)
	}
	return list.Models, nil
})

// KnownModels are the models that Codex Version knows and offers, its own
// choice first. It runs others too, with a warning and without apply_patch.
func KnownModels() []string {
	all, _ := models() // a test holds the error nil
	var slugs []string
	for _, m := range all {
		if m.Listed {
			slugs = append(slugs, m.Slug)
		}
	}
	return slugs
}

// Known says whether Codex Version knows a model, offered or not.
func Known(slug string) bool {
	all, _ := models()
	return slices.ContainsFunc(all, func(m model) bool { return m.Slug == slug })
}
