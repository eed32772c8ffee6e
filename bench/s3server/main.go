// S3server is an S3 server that keeps its objects on disk, for scripts/engines to
// kill and start again.
//
// In: an address, a file for the objects, the name of a bucket. Out: S3's HTTP interface.
package main

import (
	"errors"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3bolt"
	"go.etcd.io/bbolt"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: s3server ADDRESS FILE BUCKET")
	}
	db, err := bbolt.Open(os.Args[2], 0o600, &bbolt.Options{Timeout: time.Minute}) // until one that was killed is gone
	if err != nil {
		log.Fatal(err)
	}
	backend := s3bolt.New(db)
	if err := backend.CreateBucket(os.Args[3]); err != nil && !gofakes3.HasErrorCode(err, gofakes3.ErrBucketAlreadyExists) {
		log.Fatal(err)
	}
	err = http.ListenAndServe(os.Args[1], gofakes3.New(backend).Server())
	log.Fatal(errors.Join(err, db.Close()))
}
