# Range requests are answered by nginx's own filters.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
my $page = join '', map { chr(ord('a') + $_ % 26) } 0 .. 999;
memcached->set('/page', $page);
redis->set('/page', $page);

my $nginx = nginx(server => <<"CONF");
    location / {
        rust_page_cache @{[memcached->uri]} key=raw;
    }
    location /redis {
        rust_page_cache @{[redis->uri]} key=raw uri=/page;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF

for my $target ('/page', '/redis') {
    my $whole = $nginx->get($target);
    my $etag  = $whole->header('ETag') // '';
    is $whole->header('Accept-Ranges'), 'bytes', "$target: ranges are offered";

    # range, first byte, length
    for my $row (['0-0', 0, 1], ['10-19', 10, 10], ['990-', 990, 10], ['-5', 995, 5], ['0-5000', 0, 1000]) {
        my ($range, $first, $length) = @$row;
        my $last     = $first + $length - 1;
        my $response = $nginx->get($target, Range => "bytes=$range");
        is $response->status, 206, "$target $range: 206";
        is $response->header('Content-Range'), "bytes $first-$last/1000", "$target $range: which";
        is $response->header('Content-Length'), $length, "$target $range: length";
        is $response->body, substr($page, $first, $length), "$target $range: bytes";
        is $response->header('ETag'), $etag, "$target $range: ETag";
        is $response->cache, 'HIT', "$target $range: from the cache";
    }

    my $several = $nginx->get($target, Range => 'bytes=0-9,500-509,-10');
    is $several->status, 206, "$target: several ranges";
    my ($boundary)
        = ($several->header('Content-Type') // '') =~ m{^multipart/byteranges; boundary=(\S+)$};
    ok defined $boundary, "$target: several ranges make a multipart body";
    $boundary //= 'none';
    my @parts = $several->body =~ /\r\n\r\n(.*?)\r\n--\Q$boundary\E/sg;
    is_deeply \@parts, [map { substr $page, $_, 10 } 0, 500, 990], "$target: the parts, whole";
    is $several->header('Content-Length'), length $several->body, "$target: and their length";

    is $nginx->get($target, Range => 'bytes=1000-')->status, 416, "$target: beyond the end";
    is $nginx->get($target, Range => 'bytes=0-9', 'If-Range' => $etag)->status, 206,
        "$target: If-Range with the page's entity-tag";
    my $changed = $nginx->get($target, Range => 'bytes=0-9', 'If-Range' => '"other"');
    is $changed->status, 200, "$target: If-Range with another";
    is $changed->body, $page, "$target: which gives the whole page";
    is $nginx->request('HEAD', $target, '', Range => 'bytes=0-9')->status, 206, "$target: HEAD";
}

$nginx->finish;

done_testing;
