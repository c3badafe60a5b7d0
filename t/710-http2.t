# HTTP/2 alike: hits, misses, bodies, many streams at once.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Http2;
plan skip_all => 'needs a curl with HTTP/2' if qx(curl --version) !~ /\bHTTP2\b/;

my $page = 'stored ' x 10_000;
memcached->set('/page', $page);
memcached->set("/$_", "page $_\n") for 1 .. 30;

my $nginx = nginx(listen => 'http2', server => <<"CONF");
    location / {
        rust_page_cache @{[memcached->uri]} key=raw;
    }
    location \@django {
        proxy_pass http://127.0.0.1:@{[app->port]};
    }
CONF
my $url = 'http://127.0.0.1:' . $nginx->port;

sub curl (@arguments) {
    my $command = join ' ', map { "'$_'" } 'curl', '--http2-prior-knowledge', '-sS', '--max-time', '10',
        @arguments;
    return scalar qx($command 2>&1);
}

is curl("$url/page"), $page, 'a hit';
like curl('-i', "$url/page"), qr{\AHTTP/2 200 .*^x-cache: HIT\r$}ms, 'a hit: headers';
like curl('-I', "$url/page"), qr{^content-length: 70000\r$}m, 'HEAD';
is curl("$url/none"), "app GET /none\n", 'a miss';
is curl('-d', 'a=1', "$url/page"), "app POST /page\na=1", 'POST';
like curl('-i', '-H', 'Range: bytes=0-5', "$url/page"), qr{\AHTTP/2 206 .*stored\z}s, 'a range';
my ($etag) = curl('-I', "$url/page") =~ /^etag: (\S+)\r$/m;
like curl('-i', '-H', "If-None-Match: $etag", "$url/page"), qr{\AHTTP/2 304 }, 'a 304';
like curl('-i', '-X', 'GET', '-d', 'query', "$url/page"), qr/^x-cache-reason: body\r$/m,
    'a GET with a body';

# A hundred streams of one connection, hits and misses.
my $connection = RustPageCache::Http2->connect($nginx->port);
my %stream     = map { ($_ => $connection->get("/$_")) } 1 .. 100;
for my $i (1 .. 100) {
    my $expected = $i <= 30 ? "page $i\n" : "app GET /$i\n";
    is $connection->body($stream{$i}), $expected, "stream $i";
}
is $connection->body($connection->get('/page')), $page, 'and a large page after them';

$connection->close;
$nginx->finish;

done_testing;
