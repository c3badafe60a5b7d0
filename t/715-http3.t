# HTTP/3: :authority stands for Host, in keys, in what the application gets, and where the two are
# compared. The client is aioquic.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::MD5 qw(md5_hex);
use Test::More;

use RustPageCache;
use RustPageCache::Django qw(header_key page_key pickled_list pickled_page);
use RustPageCache::Python qw(run_python);
my $binary = nginx_binary;
plan skip_all => 'this nginx has no HTTP/3 (--with-http_v3_module)'
    if qx($binary -V 2>&1) !~ /--with-http_v3_module\b/;

run_python('http3.py', undef, 'certificate', scratch . '/cert.pem', scratch . '/key.pem');
my $port = free_port;
my $tls  = join '', map { "    ssl_certificate$_->[0] @{[scratch]}/$_->[1];\n" }
    ['', 'cert.pem'], ['_key', 'key.pem'];

my $locations = <<"CONF";
        location / {
            rust_page_cache @{[redis->uri]} key=md5 namespace=:1:
                            uri=\$rust_page_cache_host\$rust_page_cache_full_path;
            add_header X-Host \$rust_page_cache_host always;
            add_header X-Cache "\$rust_page_cache_status:\$rust_page_cache_reason" always;
        }
        location /django/ {
            rust_page_cache @{[memcached->uri]};
        }
        location /ssi {
            ssi on;
            default_type text/html;
            return 200 '<!--# include virtual="/part" -->|<!--# echo var="rust_page_cache_host" -->';
        }
        location \@django {
            add_header X-Host \$rust_page_cache_host always;
            add_header X-Cache "\$rust_page_cache_status:\$rust_page_cache_reason" always;
            proxy_set_header Host \$rust_page_cache_host;
            proxy_pass http://127.0.0.1:@{[app->port]};
        }
CONF
my $nginx = nginx(
    bare => 1,
    http => <<"CONF",
$tls
    add_header X-Cache "\$rust_page_cache_status:\$rust_page_cache_reason" always;
    server {
        listen 127.0.0.1:$port quic reuseport;
        server_name localhost shop.example;
$locations
    }
    server {
        listen 127.0.0.1:$port quic;
        server_name other.example;
$locations
    }
CONF
);

# name => value pairs; undef leaves a field out.
sub request (%field) {
    my %all = (':method' => 'GET', ':scheme' => 'https', ':path' => '/page', ':authority' => 'localhost', %field);
    return [map { [$_ => $all{$_}] } grep { defined $all{$_} } sort { ($b =~ /^:/) <=> ($a =~ /^:/) } keys %all];
}

sub ask (@requests) { return @{run_python('http3.py', \@requests, 'ask', $port)} }

sub field ($response, $name) {
    return join ', ', map { $_->[1] } grep { $_->[0] eq lc $name } @{$response->{headers}};
}

sub host_of_the_application () {
    return join '|', map { /^Host: (.*)/i ? $1 : () } @{app->last->{headers} // []};
}

sub store ($host, $path, $body) { return redis->set(':1:' . md5_hex("$host$path"), $body) }

my $with_port = "shop.example:$port";
store($with_port,     '/page', "the shop's\n");
store('localhost',    '/page', "ours\n");
store('other.example', '/page', "the other's\n");
store('',             '/page', "nobody's\n");
store('localhost',    '/part', 'a part');

# Each host has its own key, with its port, in the case in which it came.
my %authority = (
    'localhost'     => ['HIT:',        "ours\n"],
    $with_port      => ['HIT:',        "the shop's\n"],
    'other.example' => ['HIT:',        "the other's\n"],
    'shop.example'  => ['MISS:absent', undef],
    'LOCALHOST'     => ['MISS:absent', undef],
);
for my $authority (sort keys %authority) {
    my ($cache, $body) = @{$authority{$authority}};
    app->forget;
    my ($response) = ask(request(':authority' => $authority));
    is $response->{status}, 200, "$authority: an answer";
    is field($response, 'X-Cache'), $cache, "$authority: $cache";
    is field($response, 'X-Host'), $authority, "$authority: the variable";
    is $response->{body}, $body // "app GET /page\n", "$authority: the body";
    is host_of_the_application(), $authority, "$authority: what the application gets" if !defined $body;
}

# Host instead of :authority, both, and both that differ.
my ($host, $both, $differ) = ask(
    request(':authority' => undef, host => 'localhost'),
    request(host => 'localhost'),
    request(':authority' => 'localhost', host => 'shop.example'),
);
is field($host, 'X-Cache'), 'HIT:', 'Host without :authority: a hit';
is $host->{body}, "ours\n", 'Host without :authority: the page';
is field($host, 'X-Host'), 'localhost', 'Host without :authority: the variable';
is field($both, 'X-Cache'), 'HIT:', 'both, the same: a hit';
is field($both, 'X-Host'), 'localhost', 'both, the same: the variable';
is $differ->{status}, 400, 'both, not the same: refused by nginx';
is scalar(() = app->requests), 0, 'and nobody asked the application';
my ($neither) = ask(request(':authority' => undef));
is $neither->{status}, 400, 'neither: refused by nginx';

# What is no name of a host is not looked up, as over HTTP/1 (nginx takes it before 1.29.4).
app->forget;
my ($odd) = ask(request(':authority' => 'localhost:x'));
like "$odd->{status} " . field($odd, 'X-Cache'), qr/^(?:200 BYPASS:host|400 .*)$/, 'a port of text: not looked up';

# Django's own cache: https, and :authority.
my $uri = "https://$with_port/django/page";
memcached->set(header_key(uri => $uri), pickled_list(), 1);
memcached->set(page_key(uri => $uri),
    pickled_page(headers => [['Content-Type', 'text/plain']], body => "Django's\n"), 1);
my ($django, $elsewhere) = ask(
    request(':authority' => $with_port, ':path' => '/django/page'),
    request(':authority' => 'localhost', ':path' => '/django/page'),
);
is field($django, 'X-Cache'), 'HIT:', "Django's own cache: a hit";
is $django->{body}, "Django's\n", "Django's own cache: the page";
is field($elsewhere, 'X-Cache'), 'MISS:absent', "Django's own cache: another host is another page";

# Subrequests have the host of their request.
my ($ssi) = ask(request(':path' => '/ssi'));
is $ssi->{body}, 'a part|localhost', 'a part of a page, by SSI';

# The rest is as over HTTP/1 and 2: 304, 206, 416, many on one connection. (Not HEAD: aioquic wants
# as many bytes as Content-Length says, there too.)
my @many = ask(
    request('if-none-match' => '*'),
    request(range => 'bytes=0-3'),
    request(range => 'bytes=99-'),
    map { request(':path' => "/$_") } 1 .. 20,
);
is_deeply [map { $_->{status} } @many], [304, 206, 416, (200) x 20], '304, 206, 416, and misses';
is $many[1]{body}, 'ours', 'a range';
is field($many[2], 'ETag'), '', 'a 416 has no ETag of the page';
is_deeply [map { $_->{body} } @many[3 .. 22]], [map { "app GET /$_\n" } 1 .. 20], 'each its own';

$nginx->finish;

done_testing;
