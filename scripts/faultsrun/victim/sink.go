//go:build sink

package main

import _ "github.com/monitorgen/monitorgen/sink/autostart"
