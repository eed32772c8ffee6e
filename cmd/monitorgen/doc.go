// Monitorgen records what Go functions did: arguments, results, error or
// panic, duration, goroutine, depth and parent of every call, in a SQLite file.
//
// The command holds no logic of its own: one file per subcommand reads flags,
// calls the packages rewrite and sink, and prints.
package main
