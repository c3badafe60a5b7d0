# The keys and values of the old cache packages, as their own runs recorded them.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use MIME::Base64 qw(decode_base64);
use RustPageCache::Django qw(refused_target);

# The recipes of the reference. What a record was run with differs, so the
# prefix and the namespace come with the request.
my %recipe = (
    'soyrex-prefix'         => 'key=prefix prefix=$http_x_prefix namespace=$http_x_namespace',
    'djanginxed-md5'        => 'key=md5 namespace=$http_x_namespace$http_x_prefix',
    'djanginxed-readme-md5' => 'key=md5 prefix=$http_x_prefix namespace=$http_x_namespace',
    'nginx-redis-cache' =>
        'key=md5 uri=$http_host$rust_page_cache_full_path namespace=$http_x_namespace',
);
my %store = (memcached => memcached, redis => redis);

my (%port, $http);
for my $scheme (sort keys %recipe) {
    for my $kind (sort keys %store) {
        $port{$scheme}{$kind} = free_port;
        $http .= <<"CONF";
    server {
        listen 127.0.0.1:$port{$scheme}{$kind};
        location / {
            rust_page_cache @{[$store{$kind}->uri]} $recipe{$scheme};
        }
        location \@django {
            return 200 "fallback";
        }
    }
CONF
    }
}
my $nginx = nginx(http => $http, errors => ['format=django']);

my %hits;
for my $scheme (sort keys %recipe) {
    for my $file (glob "$FindBin::Bin/fixtures/$scheme*.jsonl") {
        check($scheme, $_) for fixture($file =~ s{.*/}{}r);
    }
    cmp_ok $hits{$scheme} // 0, '>', 10, "$scheme: enough of the records are pages to be served";
}
$nginx->finish;

sub check ($scheme, $record) {
    return unless $record->{stored} && $record->{request}{method} =~ /^(?:GET|HEAD)$/;
    # Before 1.8 get_full_path() did not quote the path.
    return if $record->{django} =~ /^1\.[0-7]\./ && $record->{request}{target} =~ /;|%(?:20|23|3b|3f)/i;
    my $expect = $record->{expect};
    my $key    = decode_base64($expect->{key_b64});
    my $store  = $store{$record->{backend}{kind}};
    $store->set($key, decode_base64($expect->{value_b64}), $expect->{flags} // 0);

    my ($prefix, $namespace) = parameters($scheme, $record, $key);
    my $raw = decode_base64($record->{request}{raw_b64});
    $raw =~ s/\r\n/\r\nX-Prefix: $prefix\r\nX-Namespace: $namespace\r\n/;
    my $port     = $port{$scheme}{$record->{backend}{kind}};
    my $response = RustPageCache::Client->connect($port)->send($raw)
        ->response(head => $record->{request}{method} eq 'HEAD');

    my $outcome = outcome($record);
    is $response->cache, $outcome, "$record->{id}: $outcome";
    is $response->header('X-Cache-Key'), $key, "$record->{id}: key" if $outcome !~ /BYPASS/;
    return unless $outcome eq 'HIT';
    $hits{$scheme}++;
    my $body = decode_base64($expect->{response}{body_b64});
    is $response->header('Content-Length'), length $body, "$record->{id}: length";
    is $response->body, $record->{request}{method} eq 'HEAD' ? '' : $body, "$record->{id}: body";
    return;
}

# The namespace is what stands before the part that the recipe makes.
sub parameters ($scheme, $record, $key) {
    my $settings = $record->{settings};
    my $prefix   = $settings->{CACHE_KEY_PREFIX} // $settings->{ARGS}{key_prefix}
        // $settings->{CACHE_MIDDLEWARE_KEY_PREFIX} // '';
    if ($scheme eq 'soyrex-prefix') {
        my ($namespace) = $key =~ /^(.*?)\Q$prefix\E-/;
        return ($prefix, $namespace);
    }
    my ($namespace) = $key =~ /^(.*)[0-9a-f]{32}$/s;
    return $scheme eq 'djanginxed-readme-md5' ? ($prefix, $namespace) : ('', $namespace);
}

sub outcome ($record) {
    my $target = $record->{request}{target};
    utf8::downgrade($target);
    return 'BYPASS target' if refused_target($target);
    return 'BYPASS host'   if !grep { lc $_->[0] eq 'host' } @{$record->{request}{headers}};
    my $body = $record->{expect}{response}{body_b64};
    return 'MISS pickled' if !defined $body;
    return length $body ? 'HIT' : 'MISS absent';
}

done_testing;
