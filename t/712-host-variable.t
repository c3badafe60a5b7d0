# $rust_page_cache_host: Host as the client sent it, over HTTP/1 and HTTP/2 (HTTP/3: 715).

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Http2;

my $plain = free_port;
my $nginx = nginx(
    bare   => 1,
    listen => 'http2',
    http   => <<"CONF",
    server {
        listen 127.0.0.1:$plain;
        server_name localhost example.com;
        location / {
            return 200 "[\$rust_page_cache_host][\$http_host]";
        }
        location /ssi {
            ssi on;
            default_type text/html;
            return 200 '<!--# include virtual="/part" -->';
        }
        location /cached {
            rust_page_cache @{[memcached->uri]} key=raw uri=\$rust_page_cache_host:\$uri;
            add_header X-Cache "\$rust_page_cache_status:\$rust_page_cache_reason" always;
            add_header X-Cache-Key \$rust_page_cache_key always;
        }
        location \@django {
            proxy_set_header Host \$rust_page_cache_host;
            proxy_pass http://127.0.0.1:@{[app->port]};
        }
    }
CONF
    server => '    location / { return 200 "[$rust_page_cache_host][$http_host]"; }',
);

sub raw ($bytes) { return RustPageCache::Client->connect($plain)->send($bytes)->response }

for my $host ('localhost', 'localhost:8080', 'LocalHost', 'example.com.', '[::1]:80', "caf\xc3\xa9.example") {
    my $head = "GET %s HTTP/1.1\r\nHost: $host\r\nConnection: close\r\n\r\n";
    is raw(sprintf $head, '/')->body, "[$host][$host]", "$host: as it came";
    is raw(sprintf $head, '/ssi')->body, "[$host][$host]", "$host: in a subrequest";
}
is raw("GET / HTTP/1.0\r\n\r\n")->body, '[][]', 'without Host: empty';
is raw("GET http://example.com/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")->body,
    '[localhost][localhost]', 'an absolute target: Host, which is what the application sees';

# As part of a key, and as what the application gets.
memcached->set('example.com:8080:/cached', "stored\n");
my $cached = "GET /cached HTTP/1.1\r\nHost: example.com%s\r\nConnection: close\r\n\r\n";
my $hit    = raw(sprintf $cached, ':8080');
is $hit->header('X-Cache'), 'HIT:', 'in a key';
is $hit->header('X-Cache-Key'), 'example.com:8080:/cached', 'with its port';
raw(sprintf $cached, ':81');
is_deeply [grep { /^host:/i } @{app->last->{headers}}], ['Host: example.com:81'], 'in what the fallback is sent';

my $connection = RustPageCache::Http2->connect($nginx->port);
is $connection->body($connection->get('/')), '[localhost][localhost]', 'HTTP/2: :authority';
$connection->close;

$nginx->finish;

done_testing;
