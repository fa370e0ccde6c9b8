// Command capture is a scripted model API that keeps every request that a real
// Codex sends it. capture.sh runs Codex against it; the bodies it writes are
// the gateway's test data, so that "what Codex needs" is never a guess.
//
// The script is a JSON array of arrays: the events' items for each request, in
// order. The last one is repeated.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
)

func main() {
	out := flag.String("out", "", "directory for NN.json and NN.headers")
	script := flag.String("script", "", "JSON file: one array of items per request")
	ready := flag.String("ready", "", "file that gets our address once we listen")
	tokens := flag.Int("tokens", 100, "input tokens that each answer claims")
	flag.Parse()
	if err := serve(*out, *script, *ready, *tokens); err != nil {
		log.Fatal(err)
	}
}

func serve(out, script, ready string, tokens int) error {
	raw, err := os.ReadFile(script)
	if err != nil {
		return err
	}
	var steps [][]json.RawMessage
	if err := json.Unmarshal(raw, &steps); err != nil {
		return fmt.Errorf("parse %s: %w", script, err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := os.WriteFile(ready, []byte(l.Addr().String()), 0o600); err != nil {
		return err
	}
	var mu sync.Mutex
	n := 0
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			log.Print(err)
			return
		}
		headers, err := json.MarshalIndent(map[string]any{"method": r.Method, "uri": r.RequestURI, "header": r.Header}, "", "  ")
		if err != nil {
			log.Print(err)
			return
		}
		name := filepath.Join(out, fmt.Sprintf("%02d", n))
		for file, data := range map[string][]byte{name + ".json": body, name + ".headers": headers} {
			if err := os.WriteFile(file, data, 0o600); err != nil {
				log.Print(err)
			}
		}
		items := steps[min(n, len(steps)-1)]
		n++
		w.Header().Set("Content-Type", "text/event-stream")
		send := func(kind, rest string) {
			fmt.Fprintf(w, "event: %s\ndata: {\"type\":%q,%s}\n\n", kind, kind, rest)
		}
		id := fmt.Sprintf("resp-%d", n)
		send("response.created", fmt.Sprintf(`"response":{"id":%q}`, id))
		for _, item := range items {
			send("response.output_item.done", `"item":`+string(item))
		}
		send("response.completed", fmt.Sprintf(`"response":{"id":%q,"usage":{"input_tokens":%d,"input_tokens_details":{"cached_tokens":40},"output_tokens":10,"output_tokens_details":{"reasoning_tokens":4},"total_tokens":%d}}`, id, tokens, tokens+10))
	}))
}
