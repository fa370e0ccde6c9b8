package sandbox

import "github.com/docker/docker/client"

// API is the engine's client.
func (e *Engine) API() client.APIClient { return e.api }
