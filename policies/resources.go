package policies

import (
	_ "embed" // resources.json
	"fmt"
	"sync"
)

// Resources are the limits of one sandbox. As an override, a zero field means
// "as the policy has it".
type Resources struct {
	CPUs   float64 `json:"cpus,omitempty" jsonschema:"minimum=0.1,maximum=256,description=Processors; fractions are allowed."`
	Memory Size    `json:"memory,omitempty" jsonschema:"oneof_type=string;integer,description=Memory of all processes together; no swap is added. From 64MiB."`
	Pids   int64   `json:"pids,omitempty" jsonschema:"minimum=16,maximum=65536,description=Processes and threads."`
	// OpenFiles is per process.
	OpenFiles int64 `json:"open_files,omitempty" jsonschema:"minimum=64,maximum=1048576,description=Open files of one process."`
	FileBytes Size  `json:"file_bytes,omitempty" jsonschema:"oneof_type=string;integer,description=Size of any one file. From 1MiB."`
	Tmp       Size  `json:"tmp,omitempty" jsonschema:"oneof_type=string;integer,description=Size of /tmp; counts as memory. From 1MiB."`
	Home      Size  `json:"home,omitempty" jsonschema:"oneof_type=string;integer,description=Size of the home directory; counts as memory. From 16MiB."`
	Shm       Size  `json:"shm,omitempty" jsonschema:"oneof_type=string;integer,description=Size of /dev/shm; counts as memory. From 1MiB."`
}

//go:embed resources.json
var resourcesJSON []byte

var resources = sync.OnceValues(func() (map[string]Resources, error) {
	return decode[map[string]Resources]("resources.json", resourcesJSON)
})

// ResourcesFor gives the limits of a resource policy, "conservative" or "normal".
func ResourcesFor(name string) (Resources, error) {
	all, err := resources()
	if err != nil {
		return Resources{}, err
	}
	r, ok := all[name]
	if !ok {
		return Resources{}, fmt.Errorf("look up resource policy: there is none named %.40q", name)
	}
	return r, nil
}
