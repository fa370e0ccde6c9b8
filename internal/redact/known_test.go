package redact

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestKnownValuesAreFoundInsideOtherSecrets(t *testing.T) {
	const login = "the-login-0123456789"
	s := secrets(t, Known{"login", login})
	text := "x\nAuthorization: Bearer " + login + "\nBearer abcdefgh0123456789abc\n" + login + login + "\nsk-ant-abcdefghijklmnopqrst" + login
	want := []Match{{"login", 2}, {"login", 4}, {"login", 4}, {"login", 5}}
	if diff := cmp.Diff(want, s.FindKnown([]byte(text))); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	if all := secrets(t).FindKnown([]byte(text)); len(all) > 0 {
		t.Errorf("without known values, found %v", all)
	}
}
