package archive

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// bucket keeps files in an S3 bucket, which has to exist.
type bucket struct {
	client *minio.Client
	name   string
	prefix string // "" or with a slash at its end
}

// defaultEndpoint is asked when neither the URL nor AWS_ENDPOINT_URL says where.
const defaultEndpoint = "https://s3.amazonaws.com"

func newBucket(u *url.URL, getenv func(string) string) (*bucket, error) {
	query := u.Query()
	for key := range query {
		if key != "endpoint" && key != "region" {
			return nil, fmt.Errorf("open archive: %q in the URL is neither endpoint nor region", key)
		}
	}
	text := cmp.Or(query.Get("endpoint"), getenv("AWS_ENDPOINT_URL_S3"), getenv("AWS_ENDPOINT_URL"), defaultEndpoint)
	endpoint, err := url.Parse(text)
	if err != nil || endpoint.Host == "" || endpoint.User != nil || endpoint.Scheme != "http" && endpoint.Scheme != "https" {
		return nil, fmt.Errorf("open archive: the endpoint is to be http://HOST:PORT or https://HOST")
	}
	if u.Host == "" {
		return nil, fmt.Errorf("open archive: no bucket in the URL: s3://BUCKET/PREFIX")
	}
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds:  credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.EnvMinio{}}),
		Secure: endpoint.Scheme == "https",
		Region: cmp.Or(query.Get("region"), getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION")),
	})
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	prefix := strings.Trim(u.Path, "/")
	if prefix != "" {
		prefix += "/"
	}
	return &bucket{client: client, name: u.Host, prefix: prefix}, nil
}

func (b *bucket) String() string { return "s3://" + path.Join(b.name, b.prefix) }

func (b *bucket) put(ctx context.Context, name string, file *os.File) error {
	info, err := file.Stat()
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return err
	}
	step("created")
	_, err = b.client.PutObject(ctx, b.name, b.prefix+name, file, info.Size(), minio.PutObjectOptions{ContentType: "application/vnd.apache.parquet"})
	step("copied")
	return err
}

// get fetches the whole object.
func (b *bucket) get(ctx context.Context, name string) (content, error) {
	object, err := b.client.GetObject(ctx, b.name, b.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	defer object.Close()
	if _, err := object.Stat(); err != nil {
		if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
			return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		return nil, err
	}
	file, err := scratch()
	if err != nil {
		return nil, err
	}
	n, err := io.Copy(file, object)
	if err != nil {
		discard(file)
		return nil, err
	}
	return fetched{fileOnDisk{file, n}}, nil
}

// fetched is a copy of an object.
type fetched struct{ fileOnDisk }

func (f fetched) Close() error {
	discard(f.File)
	return nil
}

func (b *bucket) list(ctx context.Context) (entries []Entry, err error) {
	for object := range b.client.ListObjects(ctx, b.name, minio.ListObjectsOptions{Prefix: b.prefix, Recursive: true}) {
		if object.Err != nil {
			return nil, object.Err
		}
		if strings.HasSuffix(object.Key, extension) {
			entries = append(entries, Entry{Name: strings.TrimPrefix(object.Key, b.prefix), Size: object.Size, Modified: object.LastModified})
		}
	}
	return entries, nil
}
