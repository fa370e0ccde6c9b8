// Package sandbox runs one command in one throwaway container, and nothing of
// the container is left when Run returns. What is in force inside is decided in
// one pure function (convert), whose results a security reviewer can read in
// testdata. It is the only importer of the Docker client, and it trusts nothing
// that happens in a container.
package sandbox
