module github.com/monitorgen/monitorgen/monitorgrpc

go 1.26.0

require (
	github.com/monitorgen/monitorgen v0.0.0
	google.golang.org/grpc v1.75.0
)

require (
	golang.org/x/net v0.61.0 // indirect
	golang.org/x/sys v0.50.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20250707201910-8d1bb00bc6a7 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace github.com/monitorgen/monitorgen => ../
