# What README and nginx-conf tell people to send is well-formed in HTTP/2, whatever the outcome:
# a client that takes nothing else (httpx is made of it) gets every response.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Python qw(run_python);

my $root = "$FindBin::Bin/..";

# The add_header lines about the cache of all that is there to be copied.
my %line;
for my $file ("$root/README.md", glob("$root/docs/*.md $root/nginx-conf/*.conf $root/demo/*.conf.in")) {
    open my $in, '<', $file or die "$file: $!\n";
    while (my $line = <$in>) {
        $line{$1} = 1 if $line =~ /^\s*(add_header .*rust_page_cache_.*;)/;
    }
}
my @lines = sort keys %line;
cmp_ok scalar @lines, '>=', 3, 'there are lines to be copied';

# Each under a name of its own, since several files have the same names.
my $i       = 0;
my $headers = join '', map { '    ' . s/^add_header \K\S+/'X-Line-' . $i++/er . "\n" } @lines;
my $nginx   = nginx(
    listen => 'http2',
    bare   => 1,
    errors => ['rust_page_cache'],
    server => <<"CONF",
$headers
    location / {
        rust_page_cache @{[redis->uri]} key=raw uri=\$uri;
        rust_page_cache_ignore /ignored;
    }
    location /off {
        return 200 "off\\n";
    }
    location /down {
        rust_page_cache memcached://127.0.0.1:@{[free_port]} key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);
redis->set('/hit',    "stored\n");
redis->set('/blank ', "stored\n");
redis->set("/line\r\nX-Client: 1\r\n", "stored\n");

my @targets = qw(/hit /absent /ignored /off /down /blank%20 /none%20 /tab%09 /line%0D%0AX-Client:%201%0D%0A);
my $responses = eval { run_python('http2.py', \@targets, $nginx->port) };
ok $responses, 'a strict client takes all of it' or diag $@;

my %seen;
for my $at (0 .. $#{$responses // []}) {
    my $response = $responses->[$at];
    is $response->{status}, 200, "$targets[$at]: an answer";
    my @shown = map { $_->[1] } grep { $_->[0] =~ /^x-line-/ } @{$response->{headers}};
    $seen{$_} = 1 for @shown;
    # A field without a value is left out by nginx.
    is scalar(grep { /^\s|\s$|^$/ } @shown), 0, "$targets[$at]: no value begins or ends with a blank";
    is scalar(grep { $_->[0] eq 'x-client' } @{$response->{headers}}), 0, "$targets[$at]: nor is a header the client's";
}
ok $seen{$_}, "seen: $_" for qw(HIT: MISS:absent BYPASS:ignore ERROR:connect /blank%20 /hit);

$nginx->finish;

done_testing;
