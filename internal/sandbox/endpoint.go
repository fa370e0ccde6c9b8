package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/docker/client"
)

// endpoint finds the engine that the docker command would talk to: DOCKER_HOST,
// else the context that is in use. The client library knows only the first, but
// Docker Desktop, Colima and Rancher Desktop are reached through the second.
func endpoint(getenv func(string) string) (string, error) {
	if host := getenv(client.EnvOverrideHost); host != "" {
		return host, nil
	}
	dir := getenv("DOCKER_CONFIG")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return client.DefaultDockerHost, nil // no home, no contexts
		}
		dir = filepath.Join(home, ".docker")
	}
	name := getenv("DOCKER_CONTEXT")
	if name == "" {
		var config struct {
			CurrentContext string `json:"currentContext"`
		}
		if err := readJSON(filepath.Join(dir, "config.json"), &config); err != nil && !os.IsNotExist(err) {
			return "", err
		}
		name = config.CurrentContext
	}
	if name == "" || name == "default" {
		return client.DefaultDockerHost, nil
	}
	// The docker command keeps a context under the hash of its name.
	sum := sha256.Sum256([]byte(name))
	var meta struct {
		Endpoints map[string]struct{ Host string }
	}
	file := filepath.Join(dir, "contexts", "meta", hex.EncodeToString(sum[:]), "meta.json")
	if err := readJSON(file, &meta); err != nil {
		return "", fmt.Errorf("read docker context %q: %w", name, err)
	}
	host := meta.Endpoints["docker"].Host
	if host == "" {
		return "", fmt.Errorf("read docker context %q: it names no host", name)
	}
	return host, nil
}

func readJSON(file string, into any) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("parse %s: %w", file, err)
	}
	return nil
}

// isLocal says whether the engine can be expected to see our files.
func isLocal(endpoint string) bool {
	return strings.HasPrefix(endpoint, "unix://") || strings.HasPrefix(endpoint, "npipe://")
}
