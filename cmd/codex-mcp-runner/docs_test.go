package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheREADMESaysWhatTheCodeSays(t *testing.T) {
	have, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := generate(t.Context(), have)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(have)); diff != "" {
		t.Errorf("run `make docs` (-generated +README.md):\n%s", diff)
	}
}
